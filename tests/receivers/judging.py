"""What judges of receivers are made of: a request as it arrives, what comes of it, and JSON read strictly.

A judge is written from what a receiver's own parser does (docs/receivers names the versions) and knows nothing of this
project. It is given what came and the secret that the receiver was set up with, and answers what the receiver would.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec


class Heard(msgspec.Struct, frozen=True):
    """A request as it arrives: names of headers in lower case."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"

    @property
    def path(self) -> str:
        return urlsplit(self.url).path or "/"

    @property
    def target(self) -> str:
        """Path and query, as they stand in the request's first line."""
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if "?" in self.url else "")

    def param(self, name: str) -> str:
        """The first value of a parameter, "" = there is none."""
        return parse_qs(urlsplit(self.url).query).get(name, [""])[0]

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")

    @property
    def media_type(self) -> str:
        """The content type without parameters."""
        return self.header("content-type").partition(";")[0].strip().lower()


class Answer(msgspec.Struct, frozen=True):
    """`images` are what the receiver acts on, as `host/repository:tag` in its own reading; none = it does nothing."""

    status: int
    images: tuple[str, ...] = ()


class Refused(Exception):
    """The receiver answers with an error; `status` is which."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(f"{status}: {why}")
        self.status = status


def json_of(heard: Heard, status: int = 400) -> Any:
    """The body as JSON."""
    try:
        return json.loads(heard.body)
    except ValueError:
        raise Refused(status, "the body is no JSON") from None


_ZERO = {str: "", int: 0, bool: False}


def decode(shape: Any, value: Any, where: str = "$", status: int = 400) -> Any:
    """A JSON value as a typed language takes it: texts, whole numbers, booleans, lists and objects, nothing converted.

    A shape is `str`, `int`, `bool`, `object` (anything), `[shape]` or `{name: shape}`. What is absent or null is the
    zero value; what the shape does not name is ignored.
    """
    if shape is object:
        return value
    if isinstance(shape, dict):
        if value is not None and not isinstance(value, dict):
            raise Refused(status, f"{where} is no object")
        return {name: decode(one, (value or {}).get(name), f"{where}.{name}", status) for name, one in shape.items()}
    if isinstance(shape, list):
        if value is not None and not isinstance(value, list):
            raise Refused(status, f"{where} is no list")
        return [decode(shape[0], one, f"{where}[{at}]", status) for at, one in enumerate(value or ())]
    if value is None:
        return _ZERO[shape]
    if not isinstance(value, shape) or (shape is int and isinstance(value, bool)):
        raise Refused(status, f"{where} is no {shape.__name__}")
    return value


def hex_digest(algorithm: str, secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def split_reference(reference: str) -> tuple[str, str, str]:
    """An image reference as name, tag and digest; the host, with its port, stays with the name."""
    name, _, digest = reference.partition("@")
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return f"{head}{slash}{last}", tag, digest
