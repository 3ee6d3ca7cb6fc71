"""Tokens beyond what the wire tests show: where credentials must not go, and how many tokens are kept."""

import json

import pytest

from sidecar.domain.errors import RegistryUnavailable
from sidecar.domain.registry import ApiAccess
from sidecar.domain.secret import Secret
from sidecar.outbound.token import Authority


class Service:
    """Notes what it is asked and by whom, and gives a token for each."""

    def __init__(self):
        self.asked = []

    async def __call__(self, url, authorization):
        self.asked.append((str(url), authorization))
        return 200, json.dumps({"token": f"t{len(self.asked)}", "expires_in": 300}).encode()


def authority(url, service):
    return Authority(ApiAccess(url=url, username="maria", password=Secret("pässword")), service)


async def test_credentials_of_a_registry_on_https_never_go_to_a_service_on_http():
    service = Service()
    with pytest.raises(RegistryUnavailable, match="names a token service that is not: it is not asked"):
        await authority("https://r.example", service).renew(['Bearer realm="http://auth.example/token"'], "s", "")
    assert service.asked == []


async def test_the_service_is_asked_for_each_scope_of_the_challenge_by_itself():
    """And credentials are what RFC 7617 says of UTF-8; what the realm itself carries is not used."""
    service = Service()
    challenge = 'Bearer realm="https://x:y@auth.example/token?a=b#c",service="r e",scope="one:a:pull two:b:pull"'
    assert await authority("https://r.example", service).renew([challenge], "s", "") == "Bearer t1"
    [(url, authorization)] = service.asked
    assert url == "https://auth.example/token?a=b&service=r+e&scope=one:a:pull&scope=two:b:pull"
    assert authorization == "Basic bWFyaWE6cMOkc3N3b3Jk"


async def test_without_a_scope_in_the_challenge_the_one_that_is_needed_is_asked_for():
    service = Service()
    await authority("https://r.example", service).renew(['Bearer realm="https://a.example/"'], "repository:x:pull", "")
    assert service.asked[0][0] == "https://a.example/?scope=repository:x:pull"


async def test_bearer_comes_before_basic_and_other_schemes_are_nothing_to_us():
    service = Service()
    one = authority("https://r.example", service)
    assert await one.renew(["Negotiate"], "s", "") == ""
    assert await one.renew(['Basic realm="x", Bearer realm="https://a.example/"'], "s", "") == "Bearer t1"
    assert await one.renew(["Bearer service=x"], "s", "") == ""


async def test_tokens_are_kept_for_the_scopes_that_were_used_last():
    service = Service()
    one = authority("https://r.example", service)
    for number in range(256):
        await one.renew(['Bearer realm="https://a.example/"'], f"s{number}", "")
    assert one.header("s0") == "Bearer t1"
    await one.renew(['Bearer realm="https://a.example/"'], "more", "")
    assert one.header("s0") == "Bearer t1"
    assert one.header("s1") == ""
    assert one.header("more") == "Bearer t257"
