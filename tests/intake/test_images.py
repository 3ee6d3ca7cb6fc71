"""Names of images, and package URLs of them, taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.intake import purl
from sidecar.intake.images import Image, asked, parse, versioned

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("app", Image(repository="app")),
        ("prj/app:1.4.2", Image(repository="prj/app", tag="1.4.2")),
        ("registry.example.com/prj/app", Image(host="registry.example.com", repository="prj/app")),
        ("localhost/app:1", Image(host="localhost", repository="app", tag="1")),
        ("registry:5000/app", Image(host="registry:5000", repository="app")),
        ("[::1]:5000/app", Image(host="[::1]:5000", repository="app")),
        (f"r.example.com:443/a/b@{DIGEST}", Image(host="r.example.com:443", repository="a/b", digest=DIGEST)),
        (f"a/b:v1@{DIGEST}", Image(repository="a/b", tag="v1", digest=DIGEST)),
        ("registry:localhost:5000/app:1", Image(host="localhost:5000", repository="app", tag="1")),
        ("docker:prj/app", Image(repository="prj/app")),
        ("docker:5000", Image(repository="docker", tag="5000")),
    ],
)
def test_a_name_is_taken_apart(name, image):
    assert parse(name) == image


@pytest.mark.parametrize(
    "name",
    ["", "/", "./src", "/var/lib", "Prj/App", "prj//app", "app:", "app@", "app@sha256", "a b", "dir:.", "x" * 2000],
)
def test_what_names_no_image_is_none(name):
    assert parse(name) is None


def test_clients_take_a_bare_name_for_latest():
    assert asked("prj/app") == Image(repository="prj/app", tag="latest")
    assert asked("prj/app:1") == Image(repository="prj/app", tag="1")
    assert asked(f"prj/app@{DIGEST}") == Image(repository="prj/app", digest=DIGEST)
    assert asked("./src") is None


@pytest.mark.parametrize(
    ("name", "version", "image"),
    [
        ("prj/app", "1", Image(repository="prj/app", tag="1")),  # as Grype
        ("prj/app", DIGEST, Image(repository="prj/app", digest=DIGEST)),  # as Syft, of what was asked for by digest
        ("prj/app:2", "1", Image(repository="prj/app", tag="2")),
        ("prj/app", "", Image(repository="prj/app", tag="latest")),
        ("prj/app", "one of many", Image(repository="prj/app", tag="latest")),
        ("./src", "1", None),
    ],
)
def test_the_version_of_a_listed_image_is_its_tag_or_digest(name, version, image):
    assert versioned(name, version) == image


@pytest.mark.parametrize(
    ("url", "image"),
    [
        # the examples of the specification of package URLs, types oci and docker
        (
            "pkg:oci/debian@sha256%3A" + "a" * 64 + "?repository_url=docker.io/library/debian&arch=amd64&tag=latest",
            Image(host="docker.io", repository="library/debian", tag="latest", digest=DIGEST),
        ),
        (
            "pkg:oci/static@sha256%3A" + "a" * 64 + "?repository_url=gcr.io/distroless/static&tag=latest",
            Image(host="gcr.io", repository="distroless/static", tag="latest", digest=DIGEST),
        ),
        (
            "pkg:docker/customer/dockerimage@sha256%3A" + "a" * 64 + "?repository_url=gcr.io",
            Image(host="gcr.io", repository="customer/dockerimage", digest=DIGEST),
        ),
        ("pkg:oci/app?repository_url=localhost%3A5000%2Fprj%2Fapp", Image(host="localhost:5000", repository="prj/app")),
        ("pkg:oci/debian@sha256%3A" + "a" * 64, None),  # of no registry
        ("pkg:apk/alpine/zlib@1.3", None),
        ("pkg:oci/app?" + "&".join(f"a{n}=1" for n in range(200)), None),
        ("", None),
    ],
)
def test_a_package_url_names_an_image(url, image):
    assert purl.image(url) == image


@given(st.text(max_size=80) | st.from_regex(r"\A(registry:)?[a-z.:/@-]{0,40}\Z"))
def test_any_text_is_an_image_or_none(text):
    for found in (parse(text), asked(text), versioned(text, text), purl.image(f"pkg:oci/{text}")):
        assert found is None or found.repository
