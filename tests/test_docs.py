"""What the documentation says is so: its tables, keys, names, commands, examples and links."""

import ast
import base64
import re
import time
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

import generated_docs
from certificates import Authority
from sidecar.cli.commands import app
from sidecar.cli.demo.scenes import OWED, scenes
from sidecar.cli.exits import ExitCode
from sidecar.config.loading import load
from sidecar.config.schema import schema
from sidecar.domain.delivery import Reason
from sidecar.domain.record import QuarantineReason
from sidecar.domain.secret import Secret
from sidecar.domain.subscription import Signing, SignScheme
from sidecar.domain.trace import Tracing
from sidecar.intake.cloudevents import read
from sidecar.intake.posted import Posted
from sidecar.outbound.signing import Signer

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PARTS = [(file, name) for file, parts in generated_docs.PARTS.items() for name in parts if file != "ARCHITECTURE.md"]
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(page, language):
    """The fenced blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text(page), re.MULTILINE | re.DOTALL)


def first_cells(page, heading):
    """The first cell of every row of the tables under a heading."""
    part = re.split(r"^#+ ", text(page), flags=re.MULTILINE)
    (section,) = [one for one in part if one.startswith(heading + "\n")]
    return [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("| ")]


def prose(page):
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


# --- what is made from the code ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file", "name"), PARTS)
def test_generated_parts_are_those_of_the_code(file, name):
    made = generated_docs.PARTS[file][name]()
    assert generated_docs.written(file, name) == made, "run: make docs"


@pytest.mark.parametrize("file", generated_docs.WHOLE)
def test_generated_files_are_those_of_the_code(file):
    assert text(file) == generated_docs.WHOLE[file](), "run: make docs"


def keys_of(node):
    """Every key that the schema knows, at any depth."""
    for name, inner in node.get("properties", {}).items():
        yield name
        yield from keys_of(inner)
    for inner in (
        *node.get("anyOf", ()),
        *node.get("allOf", ()),
        node.get("items"),
        node.get("then"),
        node.get("else"),
    ):
        if inner:
            yield from keys_of(inner)


def test_every_key_of_the_schema_has_a_row_and_an_example():
    document = schema()
    options = {name for definition in document["$defs"].values() for name in keys_of(definition)}
    page = text("docs/configuration.md")
    rows = set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE))
    formats = set(document["properties"]["defaults"]["properties"]["formats"]["properties"])
    wanted = set(keys_of(document)) - formats
    assert wanted - rows == set()
    shown = "".join(blocks("docs/configuration.md", "yaml"))
    assert {key for key in wanted if not re.search(rf"\b{key}:", shown)} == set()
    assert {name for name in options if f"`{name}" not in text("docs/events.md")} == set()


# --- names that are a contract ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page", ["docs/metrics.md", "docs/kubernetes.md", "docs/operations.md", "docs/registry.md", "docs/tracing.md"]
)
def test_metrics_that_are_named_exist(page):
    known = set(re.findall(r"`(registry_sidecar_\w+)`", generated_docs.metrics()))
    named = set(re.findall(r"\bregistry_sidecar_\w+", text(page)))
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in named} - known == set()


def test_every_place_of_trouble_is_listed():
    said = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "sidecar").rglob("*.py"))
    places = set(re.findall(r"\btrouble\(\s*\"([a-z-]+)\"", said)) | set(re.findall(r"_spawn\(.*\"([a-z-]+)\"\)", said))
    assert len(places) > 5
    assert {one for one in places if f"`{one}`" not in text("docs/metrics.md")} == set()


def test_every_reason_of_a_delivery_is_explained():
    assert set(first_cells("docs/operations.md", "Reasons")) == {"reason", *(f"`{one}`" for one in Reason)}


def test_every_reason_of_the_quarantine_is_explained():
    assert set(first_cells("docs/operations.md", "Quarantine")) >= {f"`{one}`" for one in QuarantineReason}


def test_every_exit_code_is_explained():
    assert set(first_cells("docs/cli.md", "Exit codes")) >= {str(one.value) for one in ExitCode}


def log_lines():
    """Every message that is logged, and every key, as far as they are written out in the code."""
    messages, keys = set(), set()
    for file in ("sidecar/telemetry/logs.py", "sidecar/telemetry/hearing.py", "sidecar/app.py"):
        for node in ast.walk(ast.parse(text(file))):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name | ast.Tuple):
                named = ast.unparse(node.targets[0])
                if "message" in named:
                    values = [one.value for one in ast.walk(node.value) if isinstance(one, ast.Constant)]
                    messages |= {one for one in values if isinstance(one, str)}
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called == "say" or re.fullmatch(r"self\._log\.(debug|info|warning|error)", called):
                keys |= {one.arg for one in node.keywords if one.arg}
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    messages.add(first.value)
    return messages, keys


def test_every_log_line_and_key_is_listed():
    messages, keys = log_lines()
    assert {"announced", "delivered", "configuration loaded"} <= messages
    page = text("docs/operations.md")
    assert {one for one in messages if f"`{one}`" not in page} == set()
    assert {one for one in keys - {"exc_info"} if f"`{one}`" not in page} == set()


# --- commands ---------------------------------------------------------------------------------------------------------


def commands():
    """Every command with its own, none where it has none."""
    return {name: set(getattr(one, "commands", ())) for name, one in get_command(app).commands.items()}


@by_page
def test_commands_that_are_named_exist(page):
    """In code, that is: in sentences the program's name may be followed by any word."""
    known = commands()
    whole = page.read_text(encoding="utf-8")
    fenced = re.findall(r"^```sh\n(.*?)^```", whole, re.MULTILINE | re.DOTALL)
    code = [*re.findall(r"`([^`\n]+)`", prose(page)), *"\n".join(fenced).splitlines()]
    code += re.findall(r"^    (.*)$", whole, re.MULTILINE)
    called = re.compile(r"(?:\$ |kubectl .* -- |\S*/bin/)?registry-sidecar ([a-z][a-z-]*)(?: ([a-z]+))?")
    unknown = []
    for found in filter(None, map(called.match, code)):
        verb, then = found.groups()
        if verb not in known or (known[verb] and then and then not in known[verb]):
            unknown.append(found[0])
    assert unknown == []


def test_every_command_is_described():
    assert {name for name in commands() if f"| `{name}" not in text("docs/cli.md")} == set()


def test_make_targets_that_are_named_exist():
    known = set(re.findall(r"^([a-z0-9]+):", text("Makefile"), re.MULTILINE))
    for page in PAGES:
        for targets in re.findall(r"`make ([a-z0-9 ]+)`", page.read_text(encoding="utf-8")):
            assert set(targets.split()) <= known, page


# --- examples ---------------------------------------------------------------------------------------------------------


def certificates(folder):
    """What the examples call receivers-ca.crt, client.crt and client.key."""
    Authority(folder, "receivers-ca").issue("client")


def test_the_example_of_an_event_is_taken():
    (block, *_) = blocks("docs/intake.md", "sh")
    body = re.search(r"-d '(.*)'", block, re.DOTALL)[1]
    (told,) = read(Posted(media_type="application/cloudevents+json", body=body.encode()))
    assert (told.statement.type, told.statement.tags) == ("build.succeeded", ("1.4.2",))


@pytest.mark.parametrize("number", range(3))
def test_examples_of_the_page_on_trust_load(tmp_path, number):
    found = blocks("docs/trust.md", "yaml")
    assert len(found) == 3, "a new block: have it tested here"
    certificates(tmp_path)
    tmp_path.joinpath("signing").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    tmp_path.joinpath("proxy").write_text("http://user:password@proxy.example.com:3128\n")
    path = tmp_path / "config.yml"
    registries = "registries: [{name: main, hostname: registry.example.com}]\n"
    path.write_text(registries + found[number].replace("/etc/registry-sidecar", str(tmp_path)))
    settings = load(path, {"https_proxy": "http://proxy.example.com:3128"})
    assert settings.warnings == ()
    assert all(one.subscription.signing or one.subscription.transport for one in settings.subscriptions)


def test_the_receivers_check_on_the_page_on_trust_admits_what_is_signed_and_nothing_else():
    (snippet,) = blocks("docs/trust.md", "python")
    verified = {}
    exec(compile(snippet, "docs/trust.md", "exec"), verified)  # the page's own words, run as a receiver would run them
    check = verified["verified"]
    shared, other = ("whsec_" + base64.b64encode(one * 32).decode() for one in (b"k", b"o"))
    pair = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
    public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
    signer = Signer.of(Signing(scheme=SignScheme.STANDARD, secrets=(Secret(shared), Secret(pair))))
    headers = dict(signer.headers("msg_1", int(time.time()), b"{}"))
    assert check(headers, b"{}", [shared])
    assert check(headers, b"{}", [public])
    assert check(headers, b"{}", [other, public])
    assert not check(headers, b"{}", [other])
    assert not check(headers, b"{} ", [shared, public])
    assert not check(headers | {"webhook-id": "msg_2"}, b"{}", [shared, public])
    late = dict(signer.headers("msg_1", int(time.time()) - 600, b"{}"))
    assert not check(late, b"{}", [shared, public])


def test_the_example_of_the_page_on_traces_loads(tmp_path):
    (found,) = blocks("docs/tracing.md", "yaml")
    path = tmp_path / "config.yml"
    path.write_text("registries: [{name: main, hostname: registry.example.com}]\n" + found)
    assert load(path, {}).tracing == Tracing(endpoint="http://127.0.0.1:4318")


@pytest.mark.parametrize("number", range(4))
def test_examples_of_the_configuration_page_load(tmp_path, number):
    """Each block stands for itself: what it leaves out is filled in, and the files that it names are made."""
    found = blocks("docs/configuration.md", "yaml")
    assert len(found) == 4, "a new block: have it tested here"
    example = yaml.safe_load(found[number].replace("/etc/registry-sidecar", str(tmp_path)))
    certificates(tmp_path)
    for name in ("tls.crt", "tls.key", "ca.crt", "old-token", "mail-password", "htpasswd"):
        (tmp_path / name).write_text("old\n")
    whole = {"registries": [{"name": "main", "hostname": "registry.example.com"}], **example}
    path = tmp_path / "config.yml"
    path.write_text(yaml.safe_dump(whole))
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    environ = {"INGEST_TOKEN": "new", "HARBOR_SECRET": "h", "SIGNING_SECRET": secret, "REGISTRY_PASSWORD": "p"}
    load(path, {**environ, "MARIA_TOKEN": "m" * 32, "INTAKE_TOKEN": "t"})


def test_the_example_of_the_page_on_mail_loads_without_a_warning(tmp_path):
    """So does the page's subscription with headers of its own."""
    found, headers = blocks("docs/mail.md", "yaml")
    (tmp_path / "mail-password").write_text("s3cret\n")
    path = tmp_path / "config.yml"
    whole = "registries: [{name: main, hostname: registry.example.com}]\n" + found
    for text in (whole, whole.replace("    options:", f"{headers}    options:")):
        path.write_text(text.replace("/etc/registry-sidecar", str(tmp_path)))
        settings = load(path, {})
        assert settings.warnings == ()
        assert [one.voice.format for one in settings.subscriptions] == ["email", "email"]
    assert [name for name, _ in settings.subscriptions[0].subscription.headers] == ["Reply-To", "X-Priority"]


@pytest.mark.parametrize("number", range(2))
def test_examples_of_the_page_on_access_load_without_a_warning(tmp_path, number):
    found = blocks("docs/access.md", "yaml")[:2]
    example = found[number].replace("/etc/registry-sidecar", str(tmp_path))
    (tmp_path / "htpasswd").write_text("maria:$2y$05$BfAL9HRNFmcCK67UCnBfo.REC3P6ngUgIGPa6kZh/5FZ6n32st/DG\n")
    (tmp_path / "ada.token").write_text("a" * 64)
    certificate = Authority(tmp_path).issue("tls", "sidecar.example.com")
    (tmp_path / "tls.crt").write_bytes(Path(certificate[0]).read_bytes())
    (tmp_path / "tls.key").write_bytes(Path(certificate[1]).read_bytes())
    path = tmp_path / "config.yml"
    path.write_text("registries: [{name: main, hostname: registry.example.com}]\n" + example)
    settings = load(path, {})
    assert [one for one in settings.warnings if "subscriptions" not in one] == []
    assert settings.management.accounts.needed


def test_the_least_configuration_of_the_readme_loads(tmp_path):
    path = tmp_path / "config.yml"
    path.write_text(blocks("README.md", "yaml")[0])
    settings = load(path, {"SIGNING_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
    assert settings.warnings == ()
    assert str(settings.ingest.listen[0]) == "127.0.0.1:8080"
    assert settings.management.listen[0].port == 8081
    assert str(settings.store) == "/var/lib/registry-sidecar/sidecar.db"


def test_the_excerpt_of_the_demo_is_what_it_plays():
    (excerpt,) = blocks("README.md", "text")
    played = list(scenes(1))
    sent = [f"  in   {one.about}" for scene in played for one in scene.notifications]
    lines = excerpt.splitlines()
    assert lines[0] == f"# {played[0].title}"
    assert [line for line in lines if line.startswith("  in ")] == sent[: len(played[0].notifications)]
    owed = {vendor: sum(one.get(vendor, 0) for one in OWED.values()) for vendor in ("harbor", "dtr", "quay")}
    counted = ", ".join(f"{number} {vendor}" for vendor, number in owed.items())
    assert lines[-1] == (
        f"{len(sent)} notifications in, {sum(owed.values())} webhooks out: {counted}. Nothing lost, nothing twice."
    )


# --- links and words --------------------------------------------------------------------------------------------------


def anchors(page):
    """The anchors of a page's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@by_page
def test_links_within_the_project_lead_somewhere(page):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


@by_page
def test_addresses_are_examples_or_standards(page):
    """Documentation names no machine of anybody's."""
    hosts = re.findall(r"https?://([^/\s:`\"')>]+)", page.read_text(encoding="utf-8"))
    allowed = re.compile(
        r"127\.0\.0\.1|localhost|host|\[::1\]|([\w-]+\.)*example\.com|<host>|"
        r"api\.(?:hipchat|flowdock)\.com|keepachangelog\.com|cloudevents\.io|semver\.org|www\.standardwebhooks\.com"
    )
    assert [one for one in hosts if not allowed.fullmatch(one)] == []


@by_page
def test_no_page_has_reminders_or_empty_words(page):
    unwanted = re.compile(
        r"\b(T[O]DO|F[I]XME|TBD|lorem|blazing|seamless\w*|cutting-edge|world-class)\b|(?<![\w&])#\d+", re.IGNORECASE
    )
    assert unwanted.findall(prose(page)) == []
