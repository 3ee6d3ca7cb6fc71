"""Addresses: what is one, what is none, and that no two spellings of one get through."""

import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.mailbox import MOST, Mailbox, domains, mailbox, named, recipients


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("ops@example.com", "ops", "example.com"),
        ("Ops.Night+alerts@Example.COM", "Ops.Night+alerts", "example.com"),  # RFC 5321 2.4: only domains lose case
        ("root@localhost", "root", "localhost"),
        ("ops@bücher.example", "ops", "xn--bcher-kva.example"),
        ("ops@STRASSE.example", "ops", "strasse.example"),
        ("ops@straße.example", "ops", "xn--strae-oqa.example"),  # IDNA 2008; 2003 would make another domain of it
        ("δοκιμή@παράδειγμα.example", "δοκιμή", "xn--hxajbheg2az3al.example"),  # RFC 6531's own kind of address
        ("!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~", "example.com"),
    ],
)
def test_an_address_is_taken_apart(text: str, local: str, domain: str) -> None:
    assert mailbox(text) == Mailbox(local, domain)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ops",
        "@example.com",
        "ops@",
        "ops@@example.com",
        "o ps@example.com",
        "ops@exa mple.com",
        ".ops@example.com",
        "ops.@example.com",
        "o..ps@example.com",
        '"ops"@example.com',
        "ops@[192.0.2.1]",
        "ops@192.0.2.1",
        "ops@example.com.",
        "ops@-example.com",
        "ops@example_1.com",
        "ops@example.com\r\nRCPT TO:<eve@example.org>",
        "ops\r\n@example.com",
        "ops\u2028@example.com",
        "o\u202eps@example.com",
        "<ops@example.com>",
        "ops@example.com>",
        "ops,dev@example.com",
        "ops@exa\u2066mple.com",
        "a" * 65 + "@example.com",
        "é" * 33 + "@example.com",
        "ops@" + "a" * 64 + ".com",
        "ops@" + ".".join(["a" * 60] * 4) + ".example",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must "):
        mailbox(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("registry@example.com", ""),
        ("<registry@example.com>", ""),
        ("Registry <registry@example.com>", "Registry"),
        ("The Registry of Example Ltd <registry@example.com>", "The Registry of Example Ltd"),
        ('"Registry, night" <registry@example.com>', "Registry, night"),
        (r'"The \"registry\"" <registry@example.com>', 'The "registry"'),
        ("Bücherei <registry@example.com>", "Bücherei"),
    ],
)
def test_a_name_may_stand_before_an_address(text: str, name: str) -> None:
    assert named(text) == Mailbox("registry", "example.com", name)


@pytest.mark.parametrize(
    "text",
    [
        "Registry",
        "Registry <>",
        "Registry <registry@example.com",
        "Registry <registry@example.com> now",
        "a\nb <a@b.c>",
    ],
)
def test_what_is_no_named_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must "):
        named(text)


def test_a_url_names_addresses() -> None:
    """Each once, in order; RFC 6068 has the percent-encoding."""
    url = "mailto:ops@example.com,gorby%25kremvax@example.com,unlikely%3Faddress@example.com,ops@EXAMPLE.com"
    assert [one.address for one in recipients(url)] == [
        "ops@example.com",
        "gorby%kremvax@example.com",
        "unlikely?address@example.com",
    ]
    assert recipients("MAILTO:ops@example.com") == (Mailbox("ops", "example.com"),)
    assert recipients("mailto:user@example.org,%C3%BC@b%C3%BCcher.example")[1] == Mailbox("ü", "xn--bcher-kva.example")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("https://example.com", "must start with mailto:"),
        ("mailto:", "must name an address"),
        ("mailto:ops@example.com,", "must name an address"),
        ("mailto:ops@example.com?subject=hello", "must have nothing but addresses"),
        ("mailto:ops@example.com?bcc=eve@example.org", "must have nothing but addresses"),
        ("mailto:ops@example.com#top", "must have nothing but addresses"),
        ("mailto:ops%@example.com", "has a %"),
        ("mailto:%FF@example.com", "not UTF-8"),
        ("mailto:ops@example.com%0D%0ABcc:eve@example.org", "number 1 must have nothing before its @ but"),
        ("mailto://ops@example.com", "must have no slashes after mailto:"),
        ("mailto:ops%2Cdev@example.com", "number 1 must have nothing before its @ but"),
        ("mailto:ops@example.com, dev@example.com", "between commas, and number 2 must have no blanks around it"),
        ("mailto:ops@example.com;dev@example.com", "number 1 has a semicolon: write a comma"),
        ("mailto:ops@example.com,Dev <dev@example.com>", "number 2 must be an address alone, such as ops@"),
        ("mailto:ops", "number 1 must be an address such as ops@example.com"),
    ],
)
def test_what_names_none_is_refused(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        recipients(url)


def test_a_url_names_fifty_at_most() -> None:
    """More are a mailing list's work."""
    everybody = [f"p{number}@example.com" for number in range(MOST)]
    assert len(recipients("mailto:" + ",".join(everybody))) == 50
    with pytest.raises(ValueError, match="at most 50 addresses, and it names 51: use a mailing list"):
        recipients("mailto:" + ",".join([*everybody, "one@example.com"]))


def test_of_too_many_addresses_none_is_read() -> None:
    """Putting tens of thousands of domains into ASCII would hold up everything else."""
    with pytest.raises(ValueError, match="at most 50 addresses, and it names 51"):
        recipients("mailto:" + ",".join(["this is none"] * 51))


def test_lists_show_the_domains_alone() -> None:
    """Who gets mail is a person's business; where it goes is the operator's."""
    assert domains("mailto:ops@example.com,dev@example.com,maria@example.org") == "mailto:example.com,example.org"
    assert domains("mailto:nonsense") == "mailto:"


ATEXT = string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~"


@given(
    st.lists(
        st.lists(st.text(ATEXT + "äß字", min_size=1, max_size=5), min_size=1, max_size=3).map(".".join),
        min_size=1,
        max_size=5,
        unique=True,
    )
)
def test_every_address_comes_back_from_its_url(locals_: list[str]) -> None:
    """Whatever letters it has, once it is percent-encoded."""
    url = "mailto:" + ",".join(quote(f"{one}@example.com", safe="@") for one in locals_)
    assert [one.local for one in recipients(url)] == locals_


@given(st.text(max_size=60))
def test_no_address_has_what_ends_a_line_or_an_address(text: str) -> None:
    """So that neither an SMTP command nor a header can be broken out of."""
    try:
        found = mailbox(text)
    except ValueError:
        return
    assert not set(found.address) & set('\r\n\0 <>()[]\\,;:"\x85\u2028')
    assert found.address.count("@") == 1
