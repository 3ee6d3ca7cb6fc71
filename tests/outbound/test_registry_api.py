"""Asking a registry that is as strict as the real ones, and all that can go wrong with it."""

import asyncio
import hashlib
import json
import ssl

import pytest
from aiohttp import web
from http_peer import CERTIFICATES, Peer
from registry_server import OCI_CONFIG, OCI_INDEX, RegistryServer, TokenService, manifest, sha256

from doubles import registry as described
from sidecar.domain import breaker
from sidecar.domain.errors import RegistryUnavailable
from sidecar.domain.registry import ApiAccess, Asked
from sidecar.domain.secret import Secret
from sidecar.domain.transport import ClientTls
from sidecar.outbound import registry_exchange
from sidecar.outbound.registries import RegistryApis
from sidecar.outbound.registry_api import MAX_MANIFEST, RegistryClient

CONFIG = json.dumps({"os": "linux", "architecture": "arm64"}).encode()
IMAGE = manifest((OCI_CONFIG, CONFIG), b"layer")


class Hearing:
    """What a client tells: outcomes, and the breaker's sentences."""

    def __init__(self):
        self.outcomes = []
        self.sentences = []

    def asked(self, outcome, _seconds):
        self.outcomes.append(outcome)


@pytest.fixture
async def registry():
    async with RegistryServer() as server:
        yield server


@pytest.fixture
async def client(registry):
    """Makes clients; each is closed at the end. `hearing` is on the client."""
    made = []

    def make(url=None, **more):
        hearing = Hearing()
        access = ApiAccess(url=url or registry.url, **more)
        one = RegistryClient(access, agent="registry-sidecar/9.9", told=hearing.asked, changed=hearing.sentences.append)
        one.hearing = hearing
        made.append(one)
        return one

    yield make
    for one in made:
        await one.close()


def logged_in(**more):
    return {"username": "maria", "password": Secret("secret"), **more}


async def unavailable(question, match):
    with pytest.raises(RegistryUnavailable, match=match):
        await question


# --- questions and answers --------------------------------------------------------------------------------------------


async def test_a_manifest_comes_with_its_type_and_its_verified_digest(registry, client):
    """By digest and by tag; every type is accepted, and the user agent is the product's own."""
    digest = registry.push("prj/app", "v1", IMAGE)
    index = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
    registry.push("prj/app", "all", index, media_type=OCI_INDEX)
    one = client()
    for reference in (digest, "v1"):
        found = await one.manifest("prj/app", reference)
        assert (found.digest, found.media_type, found.body) == (
            digest,
            "application/vnd.oci.image.manifest.v1+json",
            IMAGE,
        )
    assert (await one.manifest("prj/app", "all")).media_type == OCI_INDEX
    assert {headers["User-Agent"] for _, _, headers in registry.requests} == {"registry-sidecar/9.9"}
    assert one.hearing.outcomes == [Asked.OK] * 3


async def test_a_head_tells_digest_type_and_size_without_the_body(registry, client):
    digest = registry.push("prj/app", "v1", IMAGE)
    found = await client().head("prj/app", "v1")
    assert (found.digest, found.size, found.unchanged) == (digest, len(IMAGE), False)
    assert found.media_type == "application/vnd.oci.image.manifest.v1+json"
    assert registry.requests[0][0] == "HEAD"


async def test_a_head_with_the_known_digest_says_unchanged(registry, client):
    digest = registry.push("prj/app", "v1", IMAGE)
    one = client()
    same = await one.head("prj/app", "v1", unless=digest)
    assert (same.digest, same.unchanged) == (digest, True)
    other = await one.head("prj/app", "v1", unless=sha256(b"before"))
    assert (other.digest, other.unchanged) == (digest, False)
    assert one.hearing.outcomes == [Asked.UNCHANGED, Asked.OK]


async def test_a_head_without_a_digest_is_followed_by_a_look_at_the_bytes(registry, client):
    digest = registry.push("prj/app", "v1", IMAGE)
    registry.claims[digest] = ""
    found = await client().head("prj/app", "v1")
    assert (found.digest, found.size) == (digest, len(IMAGE))
    assert [method for method, _, _ in registry.requests] == ["HEAD", "GET"]
    assert (await client().head("prj/app", digest)).digest == digest


@pytest.mark.parametrize("question", ["head", "manifest"])
async def test_what_is_not_there_is_none(registry, client, question):
    registry.push("prj/app", "v1", IMAGE)
    one = client()
    ask = getattr(one, question)
    assert await ask("prj/app", "v2") is None
    assert await ask("prj/other", sha256(b"x")) is None
    assert one.hearing.outcomes == [Asked.NOT_FOUND] * 2


async def test_a_head_that_lost_its_manifest_in_between_is_none(registry, client):
    registry.replies.append(web.Response(status=200))
    assert await client().head("prj/app", "gone") is None


@pytest.mark.parametrize(
    ("repository", "reference"),
    [("../etc", "v1"), ("prj//app", "v1"), ("/prj", "v1"), ("prj/app?x=1", "v1"), ("", "v1"), ("prj/app", "v 1"),
     ("prj/app", "../v1"), ("prj/app", "a/b"), ("prj/app", "-x"), ("a" * 501, "v1"), ("prj/app", "x" * 129)],
)  # fmt: skip
async def test_what_no_registry_can_have_is_not_asked_for(registry, client, repository, reference):
    """Names come from notifications: none of them leads a request anywhere else."""
    one = client()
    assert await one.head(repository, reference) is None
    assert await one.manifest(repository, reference) is None
    assert await one.blob(repository, reference, limit=10) is None
    if reference == "v1":
        assert await one.tags(repository, "", 10) is None
    assert registry.requests == []


async def test_a_blob_comes_whole_or_not_at_all(registry, client):
    registry.push("prj/app", "v1", IMAGE, blobs=[CONFIG])
    one = client()
    assert await one.blob("prj/app", sha256(CONFIG), limit=len(CONFIG)) == CONFIG
    assert await one.blob("prj/app", sha256(CONFIG), limit=len(CONFIG) - 1) is None
    assert await one.blob("prj/app", sha256(b"other"), limit=100) is None


async def test_a_manifest_beyond_what_a_registry_must_take_is_none(registry, client):
    big = IMAGE + b" " * MAX_MANIFEST
    assert await client().manifest("prj/app", registry.push("prj/app", "big", big)) is None


async def test_schema_1_is_none_because_its_digest_is_not_that_of_its_bytes(registry, client):
    media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    digest = registry.push("prj/app", "old", b"{}", media_type=media_type)
    one = client()
    assert await one.manifest("prj/app", "old") is None
    assert (await one.head("prj/app", "old")).digest == digest


async def test_bytes_that_are_not_what_the_digest_says_are_not_believed(registry, client):
    """A lying registry is told of, and asked again: it does answer."""
    digest = registry.push("prj/app", "v1", IMAGE, blobs=[CONFIG])
    registry.lies = {digest: IMAGE + b" ", sha256(CONFIG): b"{}"}
    one = client()
    for reference in (digest, "v1"):
        await unavailable(one.manifest("prj/app", reference), "sent a manifest that is not what its digest says")
    await unavailable(one.blob("prj/app", sha256(CONFIG), limit=100), "sent a blob that is not what its digest says")
    assert one.hearing.outcomes == [Asked.INVALID] * 3


async def test_a_header_that_contradicts_the_question_is_not_believed(registry, client):
    digest = registry.push("prj/app", "v1", IMAGE)
    registry.claims[digest] = sha256(b"other")
    await unavailable(client().head("prj/app", digest), "answered for another manifest")
    await unavailable(client().manifest("prj/app", digest), "not what its digest says")
    registry.claims[digest] = "md5:0123"
    await unavailable(client().manifest("prj/app", "v1"), "not what its digest says")


async def test_a_manifest_by_tag_without_a_digest_header_gets_its_own(registry, client):
    digest = registry.push("prj/app", "v1", IMAGE)
    registry.claims[digest] = ""
    assert (await client().manifest("prj/app", "v1")).digest == digest


async def test_sha512_is_a_digest_too(registry, client):
    digest = "sha512:" + hashlib.sha512(CONFIG).hexdigest()
    registry.blobs[digest] = CONFIG
    assert await client().blob("prj/app", digest, limit=100) == CONFIG


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("absolute", [False, True])
async def test_pages_are_walked_to_the_end(registry, client, absolute):
    """By relative links, and by absolute ones to the same host."""
    if absolute:
        registry.absolute_links = registry.url
    for name in ("a/b", "a/c", "b", "c", "d"):
        registry.push(name, "v1", IMAGE)
    registry.tags["b"] = dict.fromkeys(["1", "2", "3"], sha256(IMAGE))
    one = client()
    seen, after = [], ""
    while True:
        page = await one.repositories(after, 2)
        seen.append(page.names)
        after = page.next
        if not after:
            break
    assert seen == [("a/b", "a/c"), ("b", "c"), ("d",)]
    assert registry.asked() == ["/v2/_catalog?n=2", "/v2/_catalog?n=2&last=a%2Fc", "/v2/_catalog?n=2&last=c"]
    first = await one.tags("b", "", 2)
    assert (first.names, first.next) == (("1", "2"), "2")
    assert (await one.tags("b", first.next, 2)).names == ("3",)
    assert await one.tags("nowhere", "", 2) is None


async def test_no_more_is_asked_for_at_once_than_registries_give(registry, client):
    """distribution answers 400 to more than 1000."""
    assert (await client().repositories("", 5000)).names == ()
    assert registry.asked() == ["/v2/_catalog?n=1000"]


async def test_an_empty_list_may_be_null(registry, client):
    registry.tags["prj/app"] = {}
    assert (await client().tags("prj/app", "", 10)).names == ()


async def test_a_link_without_last_is_kept_and_followed_as_it_is(registry, client):
    """Other registries name pages by words of their own."""
    link = {"Link": '</v2/_catalog?next_page=gAAA&n=2>; rel="next"'}
    registry.replies.append(web.json_response({"repositories": ["a", "b"]}, headers=link))
    one = client()
    page = await one.repositories("", 2)
    assert page.next == "/v2/_catalog?next_page=gAAA&n=2"
    assert (await one.repositories(page.next, 2)).next == ""
    assert registry.asked()[-1] == "/v2/_catalog?next_page=gAAA&n=2"


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("<http://elsewhere.example/v2/_catalog?last=b>; rel=next", "lies elsewhere"),
        ("</other/_catalog?last=b>; rel=next", "lies elsewhere"),
        ("</v2/_catalog?n=2>; rel=next", "to itself"),
        ("<http://[/v2/>; rel=next", "no URL"),
    ],
)
async def test_a_link_that_leads_astray_is_refused(registry, client, link, why):
    registry.replies.append(web.json_response({"repositories": ["a", "b"]}, headers={"Link": link}))
    one = client()
    await unavailable(one.repositories("", 2), why)
    assert one.hearing.outcomes == [Asked.INVALID]


@pytest.mark.parametrize("body", [b"not json", b'{"repositories": [1]}', b"[]", b'{"repositories": "a"}'])
async def test_what_is_no_list_of_names_is_refused(registry, client, body):
    registry.replies.append(web.Response(body=body))
    await unavailable(client().repositories("", 2), "no list of names")


async def test_a_page_is_not_read_without_end(registry, client):
    registry.replies.append(web.Response(body=b" " * (2 * 1024**2)))
    await unavailable(client().repositories("", 2), "over 1 MiB")


async def test_a_registry_without_a_catalogue_says_so(registry, client):
    registry.replies.append(web.Response(status=404))
    await unavailable(client().repositories("", 2), "does not list its repositories")


async def test_a_registry_may_live_under_a_path(registry, client):
    registry.replies.append(web.json_response({"repositories": []}))
    await client(url=f"{registry.url}/sub/path").repositories("", 2)
    assert registry.asked() == ["/sub/path/v2/_catalog?n=2"]


async def test_ping_says_whether_it_lets_us_in(registry, client):
    await client().ping()
    assert registry.asked() == ["/v2/"]
    registry.replies.append(web.Response(status=404))
    await unavailable(client().ping(), "is no registry")
    registry.auth = "basic"
    await unavailable(client().ping(), "answered 401: give")


# --- who we are -------------------------------------------------------------------------------------------------------


async def test_basic_credentials_are_shown_once_they_are_asked_for(registry, client):
    """And from then on with every request, so that each costs one."""
    registry.auth = "basic"
    digest = registry.push("prj/app", "v1", IMAGE)
    one = client(**logged_in())
    assert (await one.head("prj/app", "v1")).digest == digest
    assert (await one.head("prj/app", "v1")).digest == digest
    assert [bool(header) for header in registry.shown()] == [False, True, True]


async def test_wrong_credentials_are_refused_without_a_second_try(registry, client):
    registry.auth = "basic"
    one = client(username="maria", password=Secret("wrong"))
    await unavailable(one.head("prj/app", "v1"), "answered 401: give `api.username` and `api.password`")
    await unavailable(one.head("prj/app", "v1"), "answered 401")
    assert len(registry.requests) == 3  # unasked, shown, shown
    assert one.hearing.outcomes == [Asked.UNAUTHORIZED] * 2


@pytest.mark.parametrize("key", ["token", "access_token"])
async def test_a_token_is_asked_for_with_the_scope_of_the_challenge_and_kept(registry, client, key):
    """One for each repository, one for the catalogue; credentials go to the token service alone."""
    async with TokenService(users=[("maria", "secret")], key=key) as service:
        registry.auth = service
        for name in ("prj/app", "prj/other"):
            registry.push(name, "v1", IMAGE)
        one = client(**logged_in())
        for _ in range(2):
            assert await one.head("prj/app", "v1") is not None
            assert await one.head("prj/other", "v1") is not None
            assert (await one.repositories("", 10)).names == ("prj/app", "prj/other")
    assert sorted(service.good.values()) == [
        "registry:catalog:*",
        "repository:prj/app:pull",
        "repository:prj/other:pull",
    ]
    assert all(header.startswith("Basic ") for header in service.shown())
    assert not any(header.startswith("Basic ") for header in registry.shown())
    assert len(registry.requests) == 3 * 2 + 3


async def test_an_anonymous_token_is_asked_for_without_credentials(registry, client):
    async with TokenService() as service:
        registry.auth = service
        registry.push("prj/app", "v1", IMAGE)
        assert await client().head("prj/app", "v1") is not None
        assert service.shown() == [""]


async def test_a_token_that_has_expired_is_not_shown_any_more(registry, client, forward):
    async with TokenService(lifetime=100) as service:
        registry.auth = service
        registry.push("prj/app", "v1", IMAGE)
        one = client()
        await one.head("prj/app", "v1")
        forward(89)
        await one.head("prj/app", "v1")
        assert len(service.requests) == 1
        forward(2)
        await one.head("prj/app", "v1")
        assert len(service.requests) == 2
        assert registry.shown() == ["", "Bearer t1", "Bearer t1", "", "Bearer t2"]


async def test_a_token_that_is_refused_is_renewed_once(registry, client):
    """The registry may forget it before its time; and when the new one is no better, that is the answer."""
    async with TokenService() as service:
        registry.auth = service
        registry.push("prj/app", "v1", IMAGE)
        one = client()
        await one.head("prj/app", "v1")
        service.good.clear()
        assert await one.head("prj/app", "v1") is not None
        assert len(service.requests) == 2
        service.good = Forgetful()
        await unavailable(one.head("prj/app", "v1"), "answered 401")
        assert len(service.requests) == 3


class Forgetful(dict):
    """A token service whose registry never knows its tokens."""

    def __contains__(self, key):
        return False


async def test_many_questions_at_once_need_one_token(registry, client):
    async with TokenService() as service:
        registry.auth = service
        service.delay = 0.05
        registry.push("prj/app", "v1", IMAGE)
        one = client()
        found = await asyncio.gather(*(one.head("prj/app", "v1") for _ in range(6)))
        assert None not in found
        assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (web.Response(status=401), "token service .* refuses the credentials"),
        (web.Response(status=500), "token service .* answered 500"),
        (web.Response(body=b"no json"), "without a token"),
        (web.json_response({"token": ""}), "without a token"),
        (web.json_response({"token": "a b"}), "without a token"),
        (web.Response(body=b" " * 100_000), "without a token"),
    ],
    ids=["refused", "broken", "no-json", "empty", "no-token", "endless"],
)
async def test_a_token_service_that_gives_none_is_told_of(registry, client, reply, why):
    async with TokenService() as service:
        registry.auth = service
        service.replies.append(reply)
        one = client(**logged_in())
        await unavailable(one.head("prj/app", "v1"), why)
        assert one.hearing.outcomes == [Asked.UNAUTHORIZED]


async def test_a_token_service_that_is_down_is_named(registry, client):
    async with TokenService() as service:
        registry.auth = service
    await unavailable(client().head("prj/app", "v1"), f"token service http://127.0.0.1:{service.port}")


@pytest.mark.parametrize("realm", ["ftp://tokens.example/", "tokens", "http://", "http://[/"])
async def test_a_realm_that_is_no_address_is_refused(registry, client, realm):
    registry.replies.append(web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{realm}"'}))
    await unavailable(client(**logged_in()).head("prj/app", "v1"), "no http or https URL")


# --- redirects --------------------------------------------------------------------------------------------------------


async def test_a_blob_may_lie_elsewhere_and_no_credentials_go_there(registry, client):
    async with RegistryServer() as storage:
        registry.auth = "basic"
        storage.blobs[sha256(CONFIG)] = CONFIG
        registry.moved[sha256(CONFIG)] = f"{storage.url}/v2/bucket/blobs/{sha256(CONFIG)}"
        one = client(**logged_in())
        assert await one.blob("prj/app", sha256(CONFIG), limit=100) == CONFIG
        assert storage.shown() == [""]
        storage.lies[sha256(CONFIG)] = b"else"
        await unavailable(one.blob("prj/app", sha256(CONFIG), limit=100), "not what its digest says")


@pytest.mark.parametrize(("location", "why"), [("ftp://x.example/", "not safe"), ("/v2/prj/app/blobs/x", "again")])
async def test_redirects_that_lead_nowhere_are_given_up(registry, client, location, why):
    registry.moved = Everything(location)
    one = client()
    await unavailable(one.blob("prj/app", sha256(CONFIG), limit=100), why)
    assert one.hearing.outcomes == [Asked.REFUSED]


class Everything(dict):
    """One place for all keys."""

    def __init__(self, place):
        super().__init__()
        self._place = place

    def __contains__(self, key):
        return True

    def __getitem__(self, key):
        return self._place


# --- trouble ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def forward(monkeypatch):
    """Lets the loop's clock jump by so many seconds."""
    loop = asyncio.get_running_loop()
    real, ahead = loop.time, [0.0]
    monkeypatch.setattr(loop, "time", lambda: real() + ahead[0])

    def jump(seconds):
        ahead[0] += seconds

    return jump


async def test_it_is_left_alone_after_failures_in_a_row_and_probed_once(registry, client, forward):
    one = client()
    registry.push("prj/app", "v1", IMAGE)
    registry.replies.extend(web.Response(status=500) for _ in range(breaker.THRESHOLD + 1))
    for _ in range(breaker.THRESHOLD):
        await unavailable(one.head("prj/app", "v1"), "answered 500")
    assert one.hearing.sentences == [f"{registry.url} answered 500."]
    await unavailable(one.head("prj/app", "v1"), "left alone for another 2 s")
    assert len(registry.requests) == breaker.THRESHOLD
    forward(breaker.FIRST)
    answers = await asyncio.gather(*(one.head("prj/app", "v1") for _ in range(3)), return_exceptions=True)
    assert sorted("left alone" in str(error) for error in answers) == [False, True, True]
    assert len(registry.requests) == breaker.THRESHOLD + 1
    forward(breaker.FIRST)
    await unavailable(one.head("prj/app", "v1"), "left alone")  # the wait has doubled
    forward(breaker.FIRST)
    assert await one.head("prj/app", "v1") is not None
    assert one.hearing.sentences[1:] == [""]
    assert one.hearing.outcomes.count(Asked.SKIPPED) == 4


@pytest.mark.parametrize("status", [404, 400])
async def test_what_is_answered_is_no_failure(registry, client, status):
    one = client()
    for _ in range(2 * breaker.THRESHOLD):
        registry.replies.append(web.Response(status=status))
        if status == 404:
            assert await one.head("prj/app", "v1") is None
        else:
            await unavailable(one.head("prj/app", "v1"), "answered 400")
    assert one.hearing.sentences == []
    assert set(one.hearing.outcomes) == {Asked.NOT_FOUND if status == 404 else Asked.REFUSED}


@pytest.mark.parametrize(
    ("said", "seconds"), [({"Retry-After": "30"}, 30), ({}, 1), ({"Retry-After": "9999999"}, 3600)]
)
async def test_a_registry_that_wants_fewer_requests_is_obeyed(registry, client, forward, said, seconds):
    registry.push("prj/app", "v1", IMAGE)
    registry.replies.append(web.Response(status=429, headers=said))
    one = client()
    await unavailable(one.head("prj/app", "v1"), "wants fewer requests")
    forward(seconds - 0.5)
    await unavailable(one.head("prj/app", "v1"), "left alone")
    assert len(registry.requests) == 1
    forward(0.5)
    assert await one.head("prj/app", "v1") is not None
    assert one.hearing.outcomes == [Asked.THROTTLED, Asked.SKIPPED, Asked.OK]
    assert one.hearing.sentences == []


async def test_a_registry_that_is_down_says_when_it_is_back_is_obeyed_too(registry, client):
    registry.replies.append(web.Response(status=503, headers={"Retry-After": "30"}))
    one = client()
    await unavailable(one.head("prj/app", "v1"), "answered 503")
    await unavailable(one.head("prj/app", "v1"), "left alone for another 30 s")


async def test_a_registry_that_is_gone_is_unreachable(client):
    async with RegistryServer() as gone:
        pass
    one = client(url=gone.url)
    await unavailable(one.head("prj/app", "v1"), f"No connection to {gone.url}: connection refused")
    assert one.hearing.outcomes == [Asked.UNREACHABLE]


async def test_a_registry_that_does_not_answer_is_not_waited_for(registry, client, monkeypatch):
    monkeypatch.setattr(registry_exchange, "TIMEOUT", 0.05)
    registry.replies.append(30.0)
    one = client()
    await unavailable(one.head("prj/app", "v1"), "did not answer in time")
    assert one.hearing.outcomes == [Asked.TIMED_OUT]


async def test_no_more_than_a_few_questions_are_under_way_at_once(registry, client):
    under_way, most = 0, 0

    async def answer(_request):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return web.Response(status=404)

    registry.answer = answer
    one = client()
    await asyncio.gather(*(one.head("prj/app", f"v{at}") for at in range(40)))
    assert len(registry.requests) == 40
    assert most == registry_exchange.CONCURRENCY


# --- clients by name --------------------------------------------------------------------------------------------------


async def test_a_client_lives_as_long_as_its_settings(registry):
    """So that a reload keeps tokens and breaker of what did not change."""
    heard = []

    class Hearer:
        def asked(self, name, outcome, _seconds):
            heard.append((name, outcome))

        def breaker(self, name, sentence):
            heard.append((name, sentence))

    apis = RegistryApis("registry-sidecar/9.9", Hearer())
    access = ApiAccess(url=registry.url)
    apis.configure([described("main", api=access), described("silent")], {})
    before = apis.clients
    assert set(before) == {"main"}
    assert await before["main"].head("prj/app", "v1") is None
    assert heard == [("main", Asked.NOT_FOUND)]
    apis.configure([described("main", api=ApiAccess(url=registry.url)), described("more", api=access)], {})
    assert apis.clients["main"] is before["main"]
    apis.configure([described("main", api=ApiAccess(url=registry.url, username="maria"))], {})
    assert apis.clients["main"] is not before["main"]
    await apis.close()
    await unavailable(before["main"].head("prj/app", "v1"), ".")
    assert apis.clients == {}


async def test_tls_settings_are_those_of_the_configuration(registry):
    """The context that the configuration judged is the one that is used."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(CERTIFICATES / "localhost.pem")

    async def answer(_number, reader, writer):
        while await peer.read(reader):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with Peer(answer, tls=server) as peer:
        url = f"https://localhost:{peer.port}"
        one = RegistryClient(ApiAccess(url=url), agent="x")
        await unavailable(one.ping(), "certificate is not accepted")
        await one.close()
        trusting = ssl.create_default_context(cafile=CERTIFICATES / "localhost.crt")
        tls = ClientTls(ca_file=str(CERTIFICATES / "localhost.crt"))
        one = RegistryClient(ApiAccess(url=url, tls=tls), agent="x", tls=trusting)
        await one.ping()
        await one.close()
