"""Every golden file, for every dialect."""

from pathlib import Path

import pytest
from golden_cases import FOLDER, find_cases, ordered, read_case, render_case


@pytest.mark.parametrize("path", find_cases(), ids=lambda path: path.relative_to(FOLDER).with_suffix("").as_posix())
def test_the_messages_are_those_of_the_golden_file(path: Path) -> None:
    """Words, headers, bodies, key order and number types are those written down; `exact` pins every byte."""
    case = read_case(path)
    assert case.why
    assert not bytes(case.body) or case.bodies is None
    messages = render_case(path.parent.name, case)
    assert [ordered(message.body) for message in messages] == [ordered(bytes(body)) for body in case.expected] or (
        case.exact is not None and not case.expected
    )
    for message in messages:
        assert message.word == case.word
        assert message.content_type == case.content_type
        assert message.headers == case.headers
    if case.exact is not None:
        assert [message.body.decode() for message in messages] == [case.exact]


def test_there_are_golden_files() -> None:
    """A moved folder must not turn this into a test of nothing."""
    assert find_cases()
