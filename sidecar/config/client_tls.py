"""TLS towards destinations: the files judged, and made into the context that is used.

The context is made here and not where it is used, so that what was judged is what counts: a file that changes later
makes another setting with the next reload.
"""

import hashlib
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from sidecar.config.problems import Problems
from sidecar.config.tables import Section
from sidecar.config.watch import Sources
from sidecar.domain.transport import ClientTls

_FILES: Final = ("ca_file", "cert_file", "key_file")
_CERTIFICATE: Final = (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN TRUSTED CERTIFICATE-----")
_KEY: Final = b"PRIVATE KEY-----"
_ENCRYPTED: Final = (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED")
_ALPN: Final = ("http/1.1",)


class _Unusable(Exception):
    """A key that cannot be used, and the rest of a sentence about it."""

    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(sentence)
        self.key = key
        self.sentence = sentence


def client_tls(
    section: Section,
    contexts: dict[ClientTls, ssl.SSLContext],
    sources: Sources,
    problems: Problems,
    *,
    alpn: Sequence[str] = _ALPN,
) -> ClientTls | None:
    """A `tls` section's setting, with its context put into `contexts`; `alpn` is what is offered to speak (RFC 7301).

    None when it says nothing but the usual, and after mistakes were reported.
    """
    if len(section.values) < len(section.node.entries):
        return None
    try:
        setting = _setting(section, sources)
        if setting == ClientTls():
            return None
        if setting not in contexts:
            # The name is asked for with each connection. A context with the system's CAs takes half a megabyte.
            unnamed = msgspec.structs.replace(setting, server_name="")
            if unnamed not in contexts:
                contexts[unnamed] = _context(unnamed, alpn)
            contexts[setting] = contexts[unnamed]
    except _Unusable as error:
        problems.add(section.line(error.key), f"{section.path}.{error.key} {error.sentence}")
        return None
    if not setting.verify:
        problems.warn(
            section.line("verify"),
            f"{section.path}.verify is false, so whoever answers is believed and can read what is sent: "
            "name the CA in ca_file instead",
        )
    return setting


def text_of_certificates(text: str) -> str:
    """PEM as it is given in place of a file. Raises ValueError with the rest of a sentence."""
    if not text.isascii() or not any(begin.decode() in text for begin in _CERTIFICATE):
        raise ValueError("must be certificates in PEM form, with -----BEGIN CERTIFICATE-----")
    return text


def _setting(section: Section, sources: Sources) -> ClientTls:
    """Raises _Unusable."""
    values = section.values
    for key in ("ca_file", "ca"):
        if not values.get("verify", True) and key in values:
            raise _Unusable(key, "has no meaning while verify is false: remove one of the two")
    if "key_file" in values and "cert_file" not in values:
        raise _Unusable("key_file", "needs cert_file: name the key's certificate")
    held: dict[str, bytes] = {key: _read(key, values[key], sources) for key in _FILES if key in values}
    for key in ("ca_file", "cert_file"):
        if key in held and not any(begin in held[key] for begin in _CERTIFICATE):
            raise _Unusable(key, "holds no certificate in PEM form: name a file with -----BEGIN CERTIFICATE-----")
    if "cert_file" in held:
        _judge_key("key_file" if "key_file" in held else "cert_file", held)
    # Taken before the files are loaded: should they change in between, the next reload makes another setting of them.
    digest = hashlib.sha256(b"\0".join(held.values())).hexdigest() if held else ""
    return ClientTls(**values, held=digest)


def _read(key: str, name: str, sources: Sources) -> bytes:
    try:
        return sources.read(Path(name))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a usable path"
        raise _Unusable(key, f"cannot be read ({why}): create it, or correct the path") from None


def _judge_key(key: str, held: dict[str, bytes]) -> None:
    if _KEY not in held[key]:
        remedy = "name a file with -----BEGIN PRIVATE KEY-----" if key == "key_file" else "name it in key_file"
        raise _Unusable(key, f"holds no private key in PEM form: {remedy}")
    if any(mark in held[key] for mark in _ENCRYPTED):
        raise _Unusable(key, "holds an encrypted key, and nobody is there to ask for the passphrase: store it without")


def _context(setting: ClientTls, alpn: Sequence[str] = _ALPN) -> ssl.SSLContext:
    """Raises _Unusable."""
    if setting.verify:
        try:
            context = ssl.create_default_context(cafile=setting.ca_file or None, cadata=setting.ca or None)
        except OSError as error:
            key, what = ("ca", "whole PEM") if setting.ca else ("ca_file", "a whole PEM file")
            raise _Unusable(key, f"cannot be used ({_why(error)}): check that it is {what}") from None
        if setting.ca:  # a server's own certificate is as good as that of the CA it comes from
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # whatever the system's own configuration admits
    if alpn:
        context.set_alpn_protocols(alpn)
    if setting.cert_file:
        try:
            # Without a password OpenSSL would ask the terminal for one.
            context.load_cert_chain(setting.cert_file, setting.key_file or None, password="")
        except OSError as error:
            if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
                key = "key_file" if setting.key_file else "cert_file"
                raise _Unusable(
                    key, "holds a key that is not the certificate's: name the two that belong together"
                ) from None
            raise _Unusable(
                "cert_file", f"cannot be used ({_why(error)}): check that certificate and key are whole PEM files"
            ) from None
    return context


def _why(error: OSError) -> str:
    said = getattr(error, "reason", None) or error.strerror
    return str(said).lower().replace("_", " ") if said else "OpenSSL does not say why"
