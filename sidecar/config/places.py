"""Places: where to listen, where to send, where the store is. Errors are the rest of a sentence about the key."""

import ipaddress
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sidecar.config.settings import Address, Network
from sidecar.domain.host import literal
from sidecar.domain.mailbox import recipients

_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?", re.ASCII)
_LISTEN: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:/\s]*)):(?P<port>\d{1,5})", re.ASCII)
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_INBOX: Final = re.compile(r"inbox:(?:user/[^/\s]+|team/[^/\s]+/[^/\s]+|org/[^/\s]+)", re.ASCII)
_ANY: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to

_PROXY: Final = "http://host:port, because proxies that speak TLS or SOCKS are not used"
STORE_FORM: Final = "must be sqlite:///relative/path or sqlite:////absolute/path"


def address(text: str) -> Address:
    """`127.0.0.1:8080`, `[::1]:8080`, `name:8080`, or `:8080` for every address of both families."""
    found = _LISTEN.fullmatch(text)
    if found is None:
        raise ValueError('must be host:port, such as 127.0.0.1:8080, "[::1]:8080" or ":8080"')
    port = int(found["port"])
    if port > 65535:
        raise ValueError("must have a port of at most 65535")
    if found["six"] is not None:
        try:
            return Address(str(ipaddress.IPv6Address(found["six"])), port)
        except ValueError:
            raise ValueError("must have an IPv6 address within its brackets") from None
    host = found["host"]
    if host and _HOST.fullmatch(host) is None:
        raise ValueError(f'must have a host name or address before the port; write ":{port}" for every address')
    return Address(host, port)


def clash(one: Address, other: Address) -> bool:
    """Whether the two cannot be listened on at once."""
    if one.port != other.port or one.port == 0:
        return False
    return one.host == other.host or one.host in _ANY or other.host in _ANY


def web_address(text: str) -> str:
    """An http or https URL with a host, returned as written."""
    if _VISIBLE.fullmatch(text) is None:
        raise ValueError("must be a URL in visible ASCII: percent-encode spaces and other characters")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("must be a URL with a proper host and port") from None
    if parts.scheme not in {"http", "https"}:
        raise ValueError("must start with http:// or https://")
    if not host or (":" not in host and _HOST.fullmatch(host) is None):
        raise ValueError("must name a host, such as https://hooks.example.com/path")
    if port == 0:
        raise ValueError("must not have port 0")
    try:
        literal(host)
    except ValueError as error:
        raise ValueError(f"cannot be dialled, because it {error}") from None
    if parts.fragment or text.endswith("#"):
        raise ValueError("must not have a fragment, which is never sent: write %23 for a #")
    return text


def target(text: str) -> str:
    """Where deliveries may go: an http or https URL, mail addresses, or somebody's inbox here; returned as written."""
    if text.startswith("mailto:"):
        recipients(text)
        return text
    if text.startswith("inbox:"):
        return inbox(text)
    if "@" in text and ":" not in text and "/" not in text:
        raise ValueError("must start with mailto: where it is a mail address, as in mailto:ops@example.com")
    return web_address(text)


def inbox(text: str) -> str:
    """Whose inbox: of a user, of a team within a namespace, or of all who have rights to a namespace."""
    if _INBOX.fullmatch(text) is None:
        raise ValueError("must be inbox:user/NAME, inbox:team/NAMESPACE/TEAM or inbox:org/NAMESPACE")
    return text


def proxy(text: str) -> str:
    """`none`, `env`, or a proxy's URL; as written."""
    if text in {"none", "env"}:
        return text
    if not text.startswith("http://"):
        raise ValueError(f"must be none, env or {_PROXY}")
    return proxy_url(text)


def proxy_url(text: str) -> str:
    """An http URL of nothing but a host, its port and perhaps credentials; as written."""
    if not text.startswith("http://"):
        raise ValueError(f"must be {_PROXY}")
    parts = urlsplit(web_address(text))
    if parts.path not in {"", "/"} or "?" in text:
        raise ValueError("must end with the proxy's host and port")
    return text


def server_name(text: str) -> str:
    """A host name or an address, as certificates carry it."""
    try:
        if text and not text.endswith("."):
            literal(text)
            return text
    except ValueError:
        pass
    raise ValueError("must be a host name without a port, such as hooks.example.com")


def api_address(text: str) -> str:
    """What stands before /v2/ in a registry's API, without a slash at its end."""
    parts = urlsplit(web_address(text))
    if "?" in text:
        raise ValueError("must not have a query")
    path = parts.path.rstrip("/")
    if path == "/v2" or path.endswith("/v2"):
        raise ValueError("must end before /v2/")
    return text.rstrip("/")


def collector(text: str) -> str:
    """What stands before /v1/traces at a collector."""
    parts = urlsplit(web_address(text))
    if "?" in text:
        raise ValueError("must not have a query")
    if parts.path.rstrip("/").endswith("/v1/traces"):
        raise ValueError("must end before /v1/traces")
    return text


def public_url(text: str) -> str:
    """Where we are reached from elsewhere, without a slash at its end."""
    parts = urlsplit(web_address(text))
    if "?" in text or "@" in parts.netloc:
        raise ValueError("must have neither a query nor credentials")
    return text.rstrip("/")


def homepage(text: str) -> str:
    """A web address in which {repository}, {namespace} and {name} are filled in."""
    filled = re.sub(r"\{(?:repository|namespace|name)\}", "filled", text)
    if "{" in filled or "}" in filled:
        raise ValueError("must have no placeholders but {repository}, {namespace} and {name}")
    web_address(filled)
    return text


def registry_host(text: str) -> str:
    """What stands before the repository in a pull: a host, with its port if there is one."""
    if "/" in text:
        raise ValueError("must be only the host and port of the registry: its scheme goes to `scheme`")
    host, _, port = text.rpartition(":") if re.search(r":[0-9]*\Z", text) else (text, "", "443")
    literal = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\]", host)
    if literal is not None:
        try:
            ipaddress.IPv6Address(literal[1])
        except ValueError:
            host = ""
    elif _HOST.fullmatch(host) is None:
        host = ""
    if not host or not port or not 0 < int(port) <= 65535:
        raise ValueError("must be a host, with its port if it has one, such as registry.example.com:5000")
    return text


def store_file(text: str) -> Path:
    """The SQLite file that a store URL names."""
    if text.startswith(("postgresql://", "postgres://")):
        raise ValueError("cannot be PostgreSQL, which is not supported yet: use sqlite:////absolute/path")
    name = text.removeprefix("sqlite:///")
    if name == text or not name.strip("/") or name.endswith("/") or name == ":memory:" or "\0" in name:
        raise ValueError(STORE_FORM)
    return Path(name)


def network(text: str) -> Network:
    """A CIDR range, or one address."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        wider = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("must be a range of addresses such as 10.0.0.0/8 or fd00::/8") from None
    raise ValueError(f"must not set bits beyond its prefix length: write {wider}")
