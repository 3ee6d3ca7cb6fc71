"""WWW-Authenticate lines as registries and their proxies write them (RFC 9110, 11.6.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.outbound.challenge import challenges


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (['Basic realm="x"'], [("basic", {"realm": "x"})]),
        (
            ['Bearer realm="https://auth.example/token",service="r",scope="repository:a/b:pull,push"'],
            [("bearer", {"realm": "https://auth.example/token", "service": "r", "scope": "repository:a/b:pull,push"})],
        ),
        (['BEARER Realm = "x" , Service = y'], [("bearer", {"realm": "x", "service": "y"})]),
        (['Basic realm="x", Bearer realm="y",error="invalid_token"'],
         [("basic", {"realm": "x"}), ("bearer", {"realm": "y", "error": "invalid_token"})]),
        (['Basic realm="x"', 'Bearer realm="y"'], [("basic", {"realm": "x"}), ("bearer", {"realm": "y"})]),
        (['Basic realm="a \\"b\\" c, d"'], [("basic", {"realm": 'a "b" c, d'})]),
        (["Negotiate"], [("negotiate", {})]),
        (["Negotiate, Basic realm=x"], [("negotiate", {}), ("basic", {"realm": "x"})]),
        (['Bearer realm="open'], [("bearer", {})]),
        ([""], []),
        ([], []),
        (["(strange)"], []),
    ],
)  # fmt: skip
def test_every_challenge_is_found_with_its_parameters(lines, found):
    assert [(one.scheme, dict(one.parameters)) for one in challenges(lines)] == found


@given(st.text(max_size=200))
def test_no_line_is_too_strange(line):
    assert all(one.scheme for one in challenges([line]))
