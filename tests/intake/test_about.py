"""Which image a report is about: what it says itself, what the query says, and what is refused because nobody said."""

import pytest

from sidecar.domain.details import Scan
from sidecar.domain.errors import Misstated
from sidecar.intake.about import chosen, query
from sidecar.intake.findings import Reported
from sidecar.intake.images import asked, parse
from sidecar.intake.posted import Posted

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
ONE = {"main": "registry.example.com"}
TWO = {**ONE, "other": "other.example.com:5000"}


def choose(name="", *others, registries=ONE, **said) -> tuple[str, str, str, str]:
    """Registry, repository, tag and digest for a scan of `name`, known by other names as well."""
    given = query(Posted(media_type="application/json", body=b"", query=said))
    images = tuple(one for other in others if (one := parse(other)) is not None)
    registry, image = chosen(given, Reported(scan=Scan(), asked=asked(name), images=images), registries)
    return registry, image.repository, image.tag, image.digest


def refused(*names, **said) -> str:
    with pytest.raises(Misstated) as caught:
        choose(*names, **said)
    return str(caught.value)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        # as a scanner that asks a registry writes it
        (("registry.example.com/prj/app:1", f"registry.example.com/prj/app@{A}"), ("main", "prj/app", "1", A)),
        ((f"registry.example.com/prj/app@{A}",), ("main", "prj/app", "", A)),
        (("registry.example.com/solo",), ("main", "solo", "latest", "")),
        (("registry.example.com/a/b/c:1",), ("main", "a/b/c", "1", "")),
        # a name without a host is one of the registry that was posted to
        (("prj/app:1",), ("main", "prj/app", "1", "")),
        # an image of this machine that was pushed under another name: nobody scanned it by a tag of that
        (("app:ci", f"registry.example.com/prj/app@{A}"), ("main", "prj/app", "", A)),
        # of several names of the same content the one of this registry counts
        (
            ("docker.io/prj/app:1", f"docker.io/prj/app@{B}", f"registry.example.com/mirror/app@{A}"),
            ("main", "mirror/app", "", A),
        ),
    ],
)
def test_a_report_names_its_image(names, found):
    assert choose(*names) == found


def test_the_hostname_says_which_registry_is_meant():
    assert choose("other.example.com:5000/prj/app:1", registries=TWO)[0] == "other"
    assert choose("registry.example.com/prj/app:1", registries=TWO)[0] == "main"
    told = refused("prj/app:1", registries=TWO)
    assert told == "Say in the query's `registry` which one is meant: main, other."


def test_an_address_that_is_no_registry_s_is_taken_where_the_registry_is_named():
    """A pipeline may reach the registry by another name than its users do; a base image of elsewhere is not ours."""
    told = refused("localhost:5000/prj/app:1", f"localhost:5000/prj/app@{A}")
    assert told == (
        "The report is about an image of localhost:5000, which is the hostname of no registry here: "
        "say in the query's `registry` which one is meant."
    )
    names = ("localhost:5000/prj/app:1", f"localhost:5000/prj/app@{A}")
    assert choose(*names, registry="main") == ("main", "prj/app", "1", A)
    assert choose(*names, registries=TWO, registry="other") == ("other", "prj/app", "1", A)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"repository": "prj/web"}, ("main", "prj/web", "", A)),  # the only digest by which anybody knows it
        ({"repository": "prj/app"}, ("main", "prj/app", "1", A)),
        ({"tag": "2"}, ("main", "prj/app", "2", A)),
        ({"digest": B}, ("main", "prj/app", "1", B)),
        ({"repository": "prj/web", "tag": "2", "digest": B}, ("main", "prj/web", "2", B)),
        ({"registry": "", "tag": ""}, ("main", "prj/app", "1", A)),  # of a variable that is not set
    ],
)
def test_the_query_wins(said, found):
    assert choose("registry.example.com/prj/app:1", f"registry.example.com/prj/app@{A}", **said) == found


def test_a_report_of_no_image_needs_a_query_that_says_all():
    assert refused("./src") == (
        "The report does not say which image it is about: give `repository`, and `tag` or `digest`."
    )
    assert refused("./src", repository="prj/app") == (
        "The report does not say which image of prj/app it is about: give `tag` or `digest`."
    )
    assert choose("./src", repository="prj/app", tag="1") == ("main", "prj/app", "1", "")


def test_two_digests_of_other_names_are_none():
    """Neither is known to be that of the repository that the query names."""
    names = ("app", f"a.example.com/app@{A}", f"b.example.com/app@{B}")
    assert choose(*names, repository="prj/app", tag="1") == ("main", "prj/app", "1", "")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"registry": "none"}, "No registry is named 'none'; known: main."),
        ({"repo": "x"}, "Unknown query parameter 'repo'; known: format, registry, repository, tag, digest, actor, "),
        ({"repository": "PRJ/App"}, "In the query's `repository`: a repository's name has no host and no capitals"),
        ({"repository": "registry.example.com:5000/app"}, "In the query's `repository`: a repository's name has no"),
        ({"tag": "a b"}, "In the query's `tag`: a tag is up to 128 letters"),
        ({"digest": "abc"}, "In the query's `digest`: a digest is an algorithm, a colon"),
        ({"sbomDigest": "abc"}, "In the query's `sbomDigest`: a digest is an algorithm, a colon"),
        ({"actor": "x" * 501}, "In the query's `actor`: Expected `str` of length <= 500."),
    ],
)
def test_a_mistake_in_the_query_is_told(said, sentence):
    assert refused("prj/app:1", **said).startswith(sentence)


def test_a_registry_without_a_hostname_can_only_be_named():
    with pytest.raises(Misstated, match="Say in the query's `registry`"):
        choose("prj/app:1", registries={"main": "", "other": ""})
    assert choose("prj/app:1", registries={"main": "", "other": ""}, registry="other")[0] == "other"
