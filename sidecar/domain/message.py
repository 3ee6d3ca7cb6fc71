"""Messages: the exact bytes that a subscriber will receive."""

import msgspec

Headers = tuple[tuple[str, str], ...]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Rendered once; stored, sent and signed as these bytes on every retry and replay.

    `word` is the vendor's name of the event (`PUSH_ARTIFACT`, `TAG_PUSH`, ...). `headers` belong to this one message;
    what its subscription is configured to send wins over them. `url` "" = that of the subscription.
    """

    word: str
    content_type: str
    body: bytes
    headers: Headers = ()
    url: str = ""


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination answered: the status, the headers we act on, the head of the body (at most 16 KiB)."""

    status: int
    body: bytes = b""
    location: str = ""
    retry_after: str = ""
