"""References to the environment and to files."""

import pytest

from sidecar.config.loading import load
from sidecar.config.problems import Mistakes
from sidecar.domain.secret import Secret


@pytest.fixture
def header(tmp_path):
    """What a header's value comes to."""

    def expand(value, environ=None):
        path = tmp_path / "config.yml"
        path.write_text(
            "registries: [{name: main, hostname: registry.example.com}]\n"
            "subscriptions:\n"
            "  - name: one\n    format: harbor\n    url: https://hooks.example.com/\n"
            f"    headers: {{X-Value: '{value}'}}\n"
        )
        settings = load(path, environ or {})
        ((_, secret),) = settings.subscriptions[0].subscription.headers
        assert isinstance(secret, Secret)
        return secret.reveal(), settings

    return expand


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("${env:A}", "a"),
        ("<${env:A}-${env:A}>", "<a-a>"),
        ("${env:A:-b}", "a"),
        ("${env:NONE:-b c}", "b c"),
        ("x${env:NONE:-}", "x"),
        ("${env:BLANK:-b}", "b"),
        ("${env:NONE:-a:-b}", "a:-b"),
        ("x${env:BLANK}", "x"),
        ("${env:NESTED}", "${env:A}"),
        ("${A}", "${A}"),
        ("${vault:A}", "${vault:A}"),
        ("${env:}", "${env:}"),
        ("${file:}", "${file:}"),
        ("$A $env:A", "$A $env:A"),
        ("${env:A", "${env:A"),
    ],
)
def test_each_form(header, written, expected):
    """The default also stands for a variable that is empty, as in a shell; what was put in is not expanded again."""
    assert header(written, {"A": "a", "BLANK": "", "NESTED": "${env:A}"})[0] == expected


@pytest.mark.parametrize(
    ("content", "expected"), [("abc", "abc"), ("abc\n", "abc"), ("abc\r\n", "abc"), ("a b", "a b")]
)
def test_a_file_without_its_last_line_break(header, tmp_path, content, expected):
    secret = tmp_path / "secret"
    secret.write_bytes(content.encode())
    value, settings = header(f"${{file:{secret}}}")
    assert value == expected
    assert set(settings.files) == {tmp_path / "config.yml", secret}


def test_only_one_line_break_is_dropped(header, tmp_path):
    """A second one belongs to the secret, and a header cannot carry it."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"abc\n\n")
    with pytest.raises(Mistakes, match="must be one line without control characters"):
        header(f"${{file:{secret}}}")


def test_a_file_that_is_not_text_is_refused_without_showing_it(header, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"abc\xff")
    with pytest.raises(Mistakes) as caught:
        header(f"${{file:{secret}}}")
    assert str(caught.value) == (
        f"{tmp_path}/config.yml:6: subscriptions[0].headers.X-Value names the file {secret}, "
        "which is not UTF-8 text: name the right one"
    )


def test_a_missing_file_is_among_those_to_watch(header, tmp_path):
    """So that a reload is tried again when the file appears."""
    secret = tmp_path / "secret"
    with pytest.raises(Mistakes) as caught:
        header(f"${{file:{secret}}}")
    assert caught.value.stamps[secret] is None
    assert caught.value.stamps[tmp_path / "config.yml"] is not None


def test_keys_are_not_expanded(tmp_path):
    path = tmp_path / "config.yml"
    path.write_text("registries: [{name: main, hostname: r.example.com}]\n'${env:KEY}': {}\n")
    with pytest.raises(Mistakes, match=r"\$\{env:KEY\} is unknown"):
        load(path, {"KEY": "guard"})
