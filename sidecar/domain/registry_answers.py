"""What a registry's own API answers, as values."""

import msgspec


class ManifestHead(msgspec.Struct, frozen=True, kw_only=True):
    """What a registry says of a manifest without sending it. `unchanged` answers a HEAD with `unless` (304)."""

    digest: str
    media_type: str = ""
    size: int = 0
    unchanged: bool = False


class ManifestDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest or index as the registry sent it, its digest verified over the bytes."""

    digest: str
    media_type: str
    body: bytes


class NamePage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of names. `next` is what to pass as `after` for the next page, "" at the end."""

    names: tuple[str, ...]
    next: str = ""
