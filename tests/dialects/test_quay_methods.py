"""Quay's methods besides the bare webhook: Slack's texts to the last space, and the bodies of the others.

The texts are those that Quay 3's own templates and `format_for_slack` give for its samples, on quay.example.com, for
devtable/simple, with its local avatars: `~` stands for one space.
"""

import email
import email.policy
import json
from typing import Any

import msgspec
import pytest

from sidecar.dialects import quay
from sidecar.dialects.contract import Audience, sample
from sidecar.dialects.quay import DIALECT, Options
from sidecar.domain import instant
from sidecar.domain.details import Scan, Severity, Vulnerability
from sidecar.domain.event import Event, EventType, RegistryRef, Repository

REGISTRY = RegistryRef(name="main", hostname="quay.example.com", scheme="https")
SIMPLE = Repository(path="devtable/simple", namespace="devtable", name="simple")
NOW = instant.parse_rfc3339("2026-11-22T08:00:00Z")
H = "https://quay.example.com/repository/devtable/simple"
REF = f"repository~~~D~~<{H}|devtable/simple>~~"
CHANGE = (
    "change <http://path/to/the/commit| 42d4a62 > to branch somebranch by "
    "<http://path/to/fake/author/in/scm| fakeauthor >"
)
BUILD = f"<{H}/build/fake-build-id|Build fake-bu>"
CVE = "https://security-tracker.debian.org/tracker/CVE-FAKE-CVE"


def tag(name: str) -> str:
    return f"<{H}?tag={name}&tab=tags|{name}>"


PUSHED = f"{tag('latest')}, {tag('foo')} in {REF}"
SLACK = {
    "repo_push": f"~Push of~~{PUSHED}",
    "repo_mirror_sync_started": "~TEST NOTIFICATION~",
    "repo_mirror_sync_success": "~TEST NOTIFICATION~",
    "repo_mirror_sync_failed": "~TEST NOTIFICATION~",
    "vulnerability_found": f"~A <{CVE}|High vulnerability> (CVE-FAKE-CVE) was detected in tags/manifests~~"
    f"{tag('latest')}, {tag('prod')}, {tag('foo')} (and 2 more) in {REF}",
    "build_queued": f"{BUILD} queued for {CHANGE} for {REF}",
    "build_start": f"{BUILD} started for change 42d4a62 for {REF}",
    "build_success": f"{BUILD} completed for change 42d4a62 for {REF}",
    "build_failure": f"{BUILD} failure for {CHANGE} for {REF}\nThis is a fake error message~",
    "build_cancelled": f"{BUILD} canceled for change 42d4a62 for {REF}",
    "repo_image_expiry": f"The following tags of {REF}are due to expire in 7 days :~\n~{tag('latest')}, {tag('v1')}~",
    "quota_warning": "Namespace *devtable* storage usage has reached *80%* of its quota limit.~\n\n~"
    "Current usage: 80% (819.20 MB of 1.00 GB)",
    "quota_error": "Namespace *devtable* storage usage has *exceeded* its quota limit (105%).~\n\n~"
    "Current usage: 1.05 GB of 1.00 GB. Image pushes may be rejected until storage usage is reduced.",
}
# The summary, and the level that Quay gives the event; its color in Slack and in HipChat follow from that.
SUMMARIES = {
    "repo_push": ("Repository devtable/simple updated", "primary"),
    "repo_mirror_sync_started": ("Repository Mirror started for TEST NOTIFICATION", "info"),
    "repo_mirror_sync_success": ("Repository Mirror success for TEST NOTIFICATION", "success"),
    "repo_mirror_sync_failed": ("Repository Mirror failed for TEST NOTIFICATION", "error"),
    "vulnerability_found": ("High vulnerability detected in repository devtable/simple in 5 tags", "warning"),
    "build_queued": ("Build queued for repository devtable/simple [fake-bu]", "info"),
    "build_start": ("Build started for repository devtable/simple [fake-bu]", "info"),
    "build_success": ("Build succeeded for repository devtable/simple [fake-bu]", "success"),
    "build_failure": ("Build failure for repository devtable/simple [fake-bu]", "error"),
    "build_cancelled": ("Build cancelled for repository devtable/simple [fake-bu]", "info"),
    "repo_image_expiry": ("Repository devtable/simple image(s) expiring", "info"),
    "quota_warning": ("Namespace devtable storage usage has reached 80% of its quota limit", "warning"),
    "quota_error": ("Namespace devtable storage usage has exceeded its quota limit (105%)", "error"),
}
COLORS = {  # Slack's, HipChat's
    "info": ("#ffffff", "gray"),
    "warning": ("warning", "yellow"),
    "error": ("danger", "red"),
    "success": ("good", "green"),
    "primary": ("good", "purple"),
}
SETTINGS = {"level": "1", "days": 7}


def said(method: str, word: str, performer: str = "", **options: Any) -> Any:
    """The body of Quay's sample, by a method."""
    given = Options(method=method, **options)
    message = quay.sample(word, REGISTRY, SIMPLE, settings=SETTINGS, now=NOW, options=given, performer=performer)
    assert message.word == word
    if method == "email":
        assert message.content_type == "message/rfc822"
        return email.message_from_bytes(message.body, policy=email.policy.default)
    assert message.content_type == "application/json"
    assert message.body.decode() == json.dumps(json.loads(message.body))
    return json.loads(message.body)


def slack_text(word: str, performer: str = "") -> str:
    return said("slack", word, performer)["attachments"][0]["text"].replace(" ", "~")


@pytest.mark.parametrize("word", SLACK)
def test_slack_has_quays_text_to_the_last_space(word: str) -> None:
    assert slack_text(word) == SLACK[word].replace(" ", "~")


def test_whoever_did_it_is_named_with_a_letter_and_a_robot_without() -> None:
    """Quay's avatar is a picture, or a letter: in Slack the letter is left."""
    pushed = PUSHED.replace(" ", "~")
    assert slack_text("repo_push", "pusher") == f"~~~P~~*pusher*~~pushed~~{pushed}"
    assert slack_text("repo_push", "devtable+bot") == f"~~*devtable+bot*~pushed~~{pushed}"
    assert slack_text("repo_mirror_sync_failed", "pusher") == "~~~P~~*pusher*~~TEST~NOTIFICATION~"


@pytest.mark.parametrize("word", SUMMARIES)
def test_slack_s_body(word: str) -> None:
    summary, level = SUMMARIES[word]
    body = said("slack", word)
    (attachment,) = body["attachments"]
    assert list(body) == ["text", "username", "attachments"]
    assert (body["text"], body["username"]) == (summary, "quayiobot")
    assert list(attachment) == ["fallback", "text", "color", "mrkdwn_in"]
    assert (attachment["fallback"], attachment["mrkdwn_in"]) == (summary, ["text"])
    assert attachment["color"] == COLORS[level][0]


def test_every_event_of_quay_s_has_its_texts() -> None:
    words = {one.name for one in DIALECT.vocabulary(Options())}
    assert set(SLACK) == set(SUMMARIES) == words


@pytest.mark.parametrize("word", SUMMARIES)
def test_hipchat_s_body(word: str) -> None:
    """It notifies of errors alone."""
    _, level = SUMMARIES[word]
    body = said("hipchat", word)
    assert list(body) == ["color", "message", "notify", "message_format"]
    assert body["color"] == COLORS[level][1]
    assert body["notify"] is (level == "error")
    assert body["message_format"] == "html"
    assert body["message"]


def test_the_message_of_a_push_as_html() -> None:
    message = " ".join(said("hipchat", "repo_push", "pusher")["message"].split())
    links = [f'<a href="{H}?tag={one}&tab=tags">{one}</a>' for one in ("latest", "foo")]
    assert "<b>pusher</b> pushed" in message
    assert f"{links[0]}, {links[1]} in repository" in message
    assert f'<a href="{H}">devtable/simple</a>' in message


def test_flowdock_s_body() -> None:
    body = said("flowdock", "repo_push")
    content = body.pop("content")
    assert f'<a href="{H}">devtable/simple</a>' in content
    assert body == {
        "source": "Quay",
        "from_address": "admin@example.com",
        "subject": "Repository devtable/simple updated",
        "from_name": "devtable",
        "project": "devtable simple",
        "tags": ["#repo_push"],
        "link": H,
    }
    assert said("flowdock", "repo_push", from_address="quay@corp.example")["from_address"] == "quay@corp.example"


def test_flowdock_s_body_of_a_namespace() -> None:
    body = said("flowdock", "quota_error")
    assert (body["project"], body["from_name"]) == ("devtable", "devtable")
    assert body["link"] == "https://quay.example.com/organization/devtable"


@pytest.mark.parametrize("word", SUMMARIES)
def test_a_mail_is_html_alone_with_the_summary_for_a_subject(word: str) -> None:
    """Whoever sends it adds sender, recipients, date and id."""
    mail = said("email", word)
    assert mail["Subject"] == SUMMARIES[word][0]
    assert mail.get_content_type() == "text/html"
    assert not {"from", "to", "date", "message-id"} & {name.lower() for name in mail}
    assert mail.get_content().strip() == said("hipchat", word)["message"].strip()


def test_a_notification_in_quay_is_its_kind_and_the_event_s_data() -> None:
    webhook = json.loads(quay.sample("repo_push", REGISTRY, SIMPLE, settings={}, now=NOW).body)
    assert said("quay_notification", "repo_push") == {"kind": "repo_push", "metadata": webhook}


@pytest.mark.parametrize(
    ("method", "schemes"),
    [
        ("webhook", ("http", "https")),
        ("slack", ("http", "https")),
        ("hipchat", ("http", "https")),
        ("flowdock", ("http", "https")),
        ("email", ("mailto",)),
        ("quay_notification", ("inbox",)),
    ],
)
def test_each_method_goes_its_own_way(method: str, schemes: tuple[str, ...]) -> None:
    assert DIALECT.bind(Options(method=method), ["repo_push"]).schemes == schemes  # type: ignore[arg-type] # by a table


# --- real events ------------------------------------------------------------------------------------------------------


def told(event: Event, word: str, method: str = "slack") -> list[Any]:
    voice = DIALECT.bind(Options(method=method), [word])  # type: ignore[arg-type] # one of them
    return [json.loads(one.body) for one in voice.render(event, word, Audience("one"))]


def test_a_push_of_two_tags_is_two_messages_as_by_webhook() -> None:
    event = msgspec.structs.replace(sample(EventType.PUSHED), tags=("a", "b"))
    texts = [one["attachments"][0]["text"] for one in told(event, "repo_push")]
    assert ["tag=a&" in one for one in texts] == [True, False]
    assert all("   M  *maria*  pushed  " in one for one in texts)


def test_a_page_of_another_interface_is_linked_as_it_is() -> None:
    registry = msgspec.structs.replace(REGISTRY, homepage="https://ui.example.com/#!/taglist/{repository}")
    event = msgspec.structs.replace(sample(EventType.PUSHED), registry=registry, repository=SIMPLE, actor="")
    (body,) = told(event, "repo_push")
    page = "https://ui.example.com/#!/taglist/devtable/simple"
    assert body["attachments"][0]["text"] == f" Push of  <{page}|1.4.2> in repository   D  <{page}|devtable/simple>  "


def vulnerable(**changes: Any) -> Event:
    one = Vulnerability(**{"id": "CVE-1", "severity": Severity.CRITICAL, **changes})
    return msgspec.structs.replace(sample(EventType.SCAN_COMPLETED), details=Scan(vulnerabilities=(one,)))


EVIL = '<!channel> <https://evil.example|here> & "x"'


def test_what_others_wrote_is_text_in_slack_and_in_html() -> None:
    """Ids, actors and errors are free text: nobody's CVE rings a whole channel or leads elsewhere."""
    event = msgspec.structs.replace(vulnerable(id=EVIL), actor=EVIL)
    (body,) = told(event, "vulnerability_found")
    assert "&lt;!channel&gt; &lt;https://evil.example|here&gt; &amp;" in body["attachments"][0]["text"]
    assert "<!channel>" not in json.dumps(body)
    (body,) = told(event, "vulnerability_found", "hipchat")
    assert "&lt;!channel&gt;" in body["message"]
    assert "<!" not in body["message"]
    pushed = msgspec.structs.replace(sample(EventType.PUSHED), actor='<img src="x">')
    assert "<img" not in json.dumps(told(pushed, "repo_push", "hipchat"))
    assert '*&lt;img src="x"&gt;*' in told(pushed, "repo_push")[0]["attachments"][0]["text"]


def test_a_mirror_s_error_is_text_in_slack_s_summary_too() -> None:
    event = sample(EventType.MIRROR_FAILED)
    event = msgspec.structs.replace(event, details=msgspec.structs.replace(event.details, error=EVIL))
    (body,) = told(event, "repo_mirror_sync_failed")
    assert "<!" not in json.dumps(body)
    assert "&lt;!channel&gt;" in body["text"]


@pytest.mark.parametrize(
    ("links", "shown"),
    [
        (
            ("https://nvd.nist.gov/vuln/detail/CVE-1",),
            "A <https://nvd.nist.gov/vuln/detail/CVE-1|Critical vulnerability> (",
        ),
        (("https://a.example/1", "https://b.example/2"), "A <https://a.example/1|Critical vulnerability> ("),
        (("javascript:alert(1)",), "A Critical vulnerability ("),
        (("https://a.example/?a=1&b=2|x>y",), "A <https://a.example/?a=1&b=2|Critical vulnerability> ("),
        ((), "A Critical vulnerability ("),
    ],
)
def test_a_vulnerability_leads_to_its_first_address_for_browsers(links: tuple[str, ...], shown: str) -> None:
    """Quay links whatever stands there, all addresses at once where there are several."""
    (body,) = told(vulnerable(links=links), "vulnerability_found")
    assert shown in body["attachments"][0]["text"]


def test_a_subject_has_no_second_line() -> None:
    """What others wrote cannot add headers to a mail."""
    event = sample(EventType.MIRROR_FAILED)
    event = msgspec.structs.replace(
        event, details=msgspec.structs.replace(event.details, error="a\r\nBcc: x@y.example")
    )
    voice = DIALECT.bind(Options(method="email"), ["repo_mirror_sync_failed"])
    (message,) = voice.render(event, "repo_mirror_sync_failed", Audience("one"))
    mail = email.message_from_bytes(message.body, policy=email.policy.default)
    assert mail["Bcc"] is None
    assert "a Bcc: x@y.example" in mail["Subject"]


def test_a_build_by_hand_and_one_without_a_commit() -> None:
    build = msgspec.structs.replace(sample(EventType.BUILD_QUEUED), repository=SIMPLE, registry=REGISTRY)
    by_hand = msgspec.structs.replace(build.details, trigger_id=None, source=None)
    (body,) = told(msgspec.structs.replace(build, details=by_hand), "build_queued")
    assert " queued for uploaded Dockerfile for repository   D  <" in body["attachments"][0]["text"]
    bare = msgspec.structs.replace(build.details, trigger_id="7", trigger_kind="github", source=None)
    (body,) = told(msgspec.structs.replace(build, details=bare), "build_queued")
    assert " queued for change to github repository for repository   D  <" in body["attachments"][0]["text"]
