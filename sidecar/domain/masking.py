"""What is secret in a subscription's plain form: masked where it is shown, put back where it is given again. Pure."""

from typing import Any, Final
from urllib.parse import urlsplit

from sidecar.domain.errors import Problem, Unusable
from sidecar.domain.made import Tree

MASK: Final = "<secret>"


def masked(tree: Tree) -> Tree:
    """The same with every header's value and signing secret masked, headers among the format's options too."""
    shown = dict(tree)
    if isinstance(headers := tree.get("headers"), dict):
        shown["headers"] = dict.fromkeys(headers, MASK)
    if isinstance(options := tree.get("options"), dict) and isinstance(headers := options.get("headers"), dict):
        shown["options"] = {**options, "headers": dict.fromkeys(headers, MASK)}
    if isinstance(sign := tree.get("sign"), dict) and isinstance(secrets := sign.get("secrets"), list):
        shown["sign"] = {**sign, "secrets": [MASK] * len(secrets)}
    return shown


def unmasked(tree: Tree, old: Tree) -> Tree:
    """The same with what stands behind each mask in the `old` one. Raises Unusable where nothing does.

    Nothing does for another host than before: whoever may not read a secret could have it sent to themselves.
    """
    if _host(tree) != _host(old):
        old = {}
    given = dict(tree)
    problems: list[Problem] = []

    def behind(value: Any, was: Any, path: str) -> Any:
        if value != MASK:
            return value
        if isinstance(was, str):
            return was
        problems.append(Problem(path, f"{path} {MASK} stands for nothing that this host is known by: write the value"))
        return value

    def each(headers: Tree, was: Any, path: str) -> Tree:
        before = was if isinstance(was, dict) else {}
        return {name: behind(value, before.get(name), f"{path}.{name}") for name, value in headers.items()}

    if isinstance(headers := tree.get("headers"), dict):
        given["headers"] = each(headers, old.get("headers"), "headers")
    if isinstance(options := tree.get("options"), dict) and isinstance(headers := options.get("headers"), dict):
        had = old.get("options")
        was = had.get("headers") if isinstance(had, dict) else None
        given["options"] = {**options, "headers": each(headers, was, "options.headers")}
    sign, sign_before = tree.get("sign"), old.get("sign")
    if isinstance(sign, dict) and isinstance(secrets := sign.get("secrets"), list):
        known = sign_before.get("secrets") if isinstance(sign_before, dict) else None
        keys = known if isinstance(known, list) else []
        given["sign"] = {
            **sign,
            "secrets": [
                behind(one, keys[at] if at < len(keys) else None, f"sign.secrets[{at}]")
                for at, one in enumerate(secrets)
            ],
        }
    if problems:
        raise Unusable(problems)
    return given


def _host(tree: Tree) -> tuple[str, str]:
    """Scheme and host, with its port, of where a subscription points; as they are written where they cannot be read."""
    url = str(tree.get("url", ""))
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", url
    return parts.scheme, parts.netloc.rpartition("@")[2].lower() or parts.path  # of mail, its addresses
