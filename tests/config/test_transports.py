"""What `tls` and `proxy` come to, and every way in which their files can be wrong."""

import json
import os
import re
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from certificates import Authority, key_pem
from sidecar.config.loading import load
from sidecar.config.watch import Watched
from sidecar.domain.errors import ConfigError
from sidecar.domain.secret import Secret
from sidecar.domain.transport import Proxy

# Published with the server that the authors of Standard Webhooks run.
PAIR = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def read(tmp_path):
    """The settings of a file with these subscriptions; their names are one, two, ..."""

    def read(*subscriptions, environ=None, defaults=None):
        usual = {"format": "quay", "url": "https://hooks.example.com/"}
        names = ("one", "two", "three", "four")
        path = tmp_path / "config.yml"
        whole = {
            "registries": [{"name": "main", "hostname": "r.example.com"}],
            "subscriptions": [usual | {"name": name} | one for name, one in zip(names, subscriptions, strict=False)],
            "defaults": {"formats": {"quay": defaults or {}}},
        }
        path.write_text(json.dumps(whole))
        return load(path, environ or {})

    return read


def transports(settings):
    return [bound.subscription.transport for bound in settings.subscriptions]


# --- what they come to ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [None, {}, {"verify": True}])
def test_what_says_only_the_usual_is_connected_to_as_usual(read, tls):
    settings = read({"tls": tls, "proxy": "none"})
    assert transports(settings) == [None]
    assert settings.contexts == settings.transports == {}


def test_subscriptions_with_the_same_settings_share_one_context(read, authority):
    certificate, key = authority.issue("client")
    private = {"ca_file": str(authority.path)}
    mutual = private | {"cert_file": str(certificate), "key_file": str(key)}
    settings = read({"tls": private}, {"tls": private}, {"tls": mutual}, {"tls": private, "proxy": "http://p:1"})
    one, two, three, four = transports(settings)
    assert one == two
    assert len({one, three, four}) == 3
    assert len(settings.contexts) == 2
    assert settings.transports[one] is settings.transports[four]
    assert settings.transports[one] is not settings.transports[three]


def test_what_the_files_hold_is_part_of_the_setting_and_they_are_watched(read, authority):
    """So that a renewed certificate under its old path is a change."""
    certificate, key = authority.issue("client")
    tls = {"ca_file": str(authority.path), "cert_file": str(certificate), "key_file": str(key)}
    before = read({"tls": tls})
    assert {authority.path, certificate, key} <= set(before.files)
    watched = Watched({path: seen for path, seen in before.stamps.items() if path != before.source})
    assert transports(read({"tls": tls})) == transports(before)
    assert not watched.changed()
    authority.issue("client")
    assert watched.changed()
    assert transports(read({"tls": tls})) != transports(before)


def test_tls_of_a_format_lies_under_that_of_subscriptions_that_are_https(read, authority):
    defaults = {"tls": {"ca_file": str(authority.path), "server_name": "hooks.internal"}}
    one, two, three, four = transports(
        read({}, {"tls": {"server_name": "other.internal"}}, {"url": "http://h/"}, {"format": "dtr"}, defaults=defaults)
    )
    assert (one.tls.ca_file, one.tls.server_name) == (str(authority.path), "hooks.internal")
    assert (two.tls.ca_file, two.tls.server_name) == (str(authority.path), "other.internal")
    assert three is four is None


def test_the_environment_names_a_proxy_only_for_those_who_ask(read):
    environ = {"HTTPS_PROXY": "http://user:pw@proxy.example.com:3128", "NO_PROXY": "internal"}
    settings = read(
        {"proxy": "env"},
        {},
        {"proxy": "env", "url": "https://a.internal/"},
        {"proxy": "http://other:1"},
        environ=environ,
    )
    one, two, three, four = transports(settings)
    assert one.proxy == Proxy(url="http://proxy.example.com:3128", authorization=Secret("Basic dXNlcjpwdw=="))
    assert two is three is None
    assert four.proxy == Proxy(url="http://other:1")
    assert "dXNlcjpwdw" not in repr(settings)


def test_verification_switched_off_is_a_warning_with_its_line_and_is_counted(read):
    settings = read({"tls": {"verify": False}}, {})
    (warning,) = settings.warnings
    assert re.search(
        r"config\.yml:1: subscriptions\[0\]\.tls\.verify is false, so whoever answers is believed", warning
    )
    assert settings.unverified == {"one"}


def test_public_keys_are_told_for_private_ones(read):
    """RFC 8032, 7.1, test 2, and the published pair."""
    seed = "whsk_TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs="
    shared = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    (bound, plain) = read({"sign": {"secrets": [PAIR, shared, seed]}}, {"sign": {"secrets": [shared]}}).subscriptions
    assert bound.public_keys == (PUBLIC, "whpk_PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=")
    assert plain.public_keys == ()


@pytest.mark.parametrize(("secret", "loaded"), [("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "False"), (PAIR, "True")])
def test_reading_a_file_loads_the_library_for_ed25519_only_for_such_a_key(tmp_path, read, secret, loaded):
    read({"sign": {"secrets": [secret]}})
    program = (
        "import sys; from pathlib import Path; import sidecar.app; from sidecar.config.loading import load\n"
        "load(Path(sys.argv[1]), {}); print('cryptography' in sys.modules)"
    )
    called = [sys.executable, "-c", program, str(tmp_path / "config.yml")]
    said = subprocess.run(called, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == loaded


# --- files that cannot be used ----------------------------------------------------------------------------------------


def refused(read, tls):
    with pytest.raises(ConfigError) as caught:
        read({"tls": {key: str(value) for key, value in tls.items()}})
    return str(caught.value).partition("subscriptions[0].tls.")[2]


def test_a_key_of_another_certificate_is_told(read, authority):
    certificate, _ = authority.issue("client")
    _, other = authority.issue("other")
    assert refused(read, {"cert_file": certificate, "key_file": other}) == (
        "key_file holds a key that is not the certificate's: name the two that belong together"
    )


@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_key_is_told_and_nobody_is_asked_for_its_passphrase(read, authority, form):
    certificate, key = authority.issue("client")
    plain = serialization.load_pem_private_key(key.read_bytes(), None)
    cipher = serialization.BestAvailableEncryption(b"hunter2")
    key.write_bytes(plain.private_bytes(serialization.Encoding.PEM, form, cipher))
    assert refused(read, {"cert_file": certificate, "key_file": key}) == (
        "key_file holds an encrypted key, and nobody is there to ask for the passphrase: store it without"
    )


def test_a_certificate_without_any_key_is_told(read, authority):
    certificate, _ = authority.issue("client")
    assert refused(read, {"cert_file": certificate}) == (
        "cert_file holds no private key in PEM form: name it in key_file"
    )
    assert refused(read, {"cert_file": certificate, "key_file": certificate}) == (
        "key_file holds no private key in PEM form: name a file with -----BEGIN PRIVATE KEY-----"
    )


def test_a_certificate_in_der_is_told(read, authority, tmp_path):
    certificate, key = authority.issue("client")
    der = x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(serialization.Encoding.DER)
    certificate.write_bytes(der)
    for tls in ({"cert_file": certificate, "key_file": key}, {"ca_file": certificate}):
        assert "holds no certificate in PEM form" in refused(read, tls)


@pytest.mark.parametrize("key", ["ca_file", "cert_file", "key_file"])
def test_a_file_that_was_cut_off_is_told(read, authority, key):
    certificate, private = authority.issue("client")
    files = {"ca_file": authority.path, "cert_file": certificate, "key_file": private}
    files[key].write_bytes(files[key].read_bytes()[:60])
    told = refused(read, files)
    assert "cannot be used" in told
    assert told.endswith(": check that it is a whole PEM file" if key == "ca_file" else "are whole PEM files")


def test_a_key_that_tls_does_not_use_is_told_and_not_raised(read, authority):
    """Any fault that OpenSSL finds ends in a sentence."""
    certificate, key = authority.issue("client")
    key.write_bytes(key_pem(ed25519.Ed25519PrivateKey.generate()))
    assert refused(read, {"cert_file": certificate, "key_file": key}).startswith(("key_file holds", "cert_file cannot"))


def test_a_file_that_may_not_be_read_is_told(read, tmp_path, monkeypatch):
    """As root every file can be read, so the system's refusal is given here."""
    path = tmp_path / "ca.crt"
    path.touch()
    real = type(path).read_bytes

    def read_bytes(self):
        if self == path:
            raise PermissionError(13, os.strerror(13))
        return real(self)

    monkeypatch.setattr(type(path), "read_bytes", read_bytes)
    assert refused(read, {"ca_file": path}) == (
        "ca_file cannot be read (Permission denied): create it, or correct the path"
    )


def test_tls_of_quay_lies_under_webhooks_alone_and_others_have_what_is_written_there(read, authority):
    """Quay shows its certificate to webhooks and to nobody else."""
    defaults = {"tls": {"server_name": "hooks.internal"}, "options": {"days": 3}}
    own = {"tls": {"ca_file": str(authority.path)}, "options": {"method": "slack"}}
    one, two, three, four = transports(
        read({}, {"options": {"method": "slack"}}, own, {"options": {"method": "webhook"}}, defaults=defaults)
    )
    assert one.tls.server_name == four.tls.server_name == "hooks.internal"
    assert two is None
    assert (three.tls.ca_file, three.tls.server_name) == (str(authority.path), "")
