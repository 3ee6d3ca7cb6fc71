"""Where each of Quay's methods sends: what has to stand in a notification's `config`, and the URL it comes to. Pure.

What Quay checks when a notification is made is checked here, in its order and words (notificationmethod.py of Quay 3).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from sidecar.dialects import quay_template
from sidecar.dialects.quay import Options
from sidecar.domain.account import NOBODY, Accounts
from sidecar.domain.inbox import Owner, OwnerKind
from sidecar.domain.mailbox import SCHEME
from sidecar.web.vendors.quay_answers import InvalidRequest

NOT_AUTHORIZED: Final = "The specified e-mail address is not authorized to receive notifications for this repository"
# What a method's URL is called when it cannot be one.
_CALLED: Final = {"slack": "Slack Callback URL", "email": "e-mail address"}


class Targets(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of where a notification of `namespace` may go.

    `organization` says that its target, where that is an organization, is one; `verified` that its e-mail address is
    confirmed. HipChat's and Flowdock's are the addresses that these are called at.
    """

    namespace: str
    accounts: Accounts = NOBODY
    organization: bool = False
    verified: bool = False
    hipchat_url: str = Options().hipchat_url
    flowdock_url: str = Options().flowdock_url


def url_of(method: str, config: Mapping[str, Any], targets: Targets) -> str:
    """The URL of a subscription by this method. Raises InvalidRequest."""
    return _URLS[method](config, targets)


def called(method: str) -> str:
    """What is wrong when the URL cannot be used."""
    return f"Invalid {_CALLED.get(method, 'webhook URL')}"


def _webhook(config: Mapping[str, Any], _targets: Targets) -> str:
    url = config.get("url")
    if not url:
        raise InvalidRequest("Missing webhook URL")
    if not isinstance(url, str) or not _is_web_address(url):
        raise InvalidRequest("Invalid webhook URL")
    template = config.get("template")
    if not template:
        return url
    if not isinstance(template, str):
        raise InvalidRequest("Could not parse template: template must be a string that holds JSON")
    problem = quay_template.refusal(template)
    if problem:
        raise InvalidRequest(problem)
    return url


def _slack(config: Mapping[str, Any], _targets: Targets) -> str:
    url = _text(config, "url", "Missing Slack Callback URL")
    if not _is_web_address(url):
        raise InvalidRequest("Invalid Slack Callback URL")
    return url


def _hipchat(config: Mapping[str, Any], targets: Targets) -> str:
    token = _text(config, "notification_token", "Missing Hipchat Room Notification Token")
    room = _text(config, "room_id", "Missing Hipchat Room ID")
    return (
        f"{targets.hipchat_url.rstrip('/')}/v2/room/{quote(room, safe='')}/notification"
        f"?auth_token={quote(token, safe='')}"
    )


def _flowdock(config: Mapping[str, Any], targets: Targets) -> str:
    token = _text(config, "flow_api_token", "Missing Flowdock API Token")
    return f"{targets.flowdock_url.rstrip('/')}/v1/messages/team_inbox/{quote(token, safe='')}"


def _email(config: Mapping[str, Any], targets: Targets) -> str:
    """One address, confirmed by whoever reads what is sent there."""
    email = _text(config, "email", "Missing e-mail address")
    if not targets.verified:
        raise InvalidRequest(NOT_AUTHORIZED)
    return f"{SCHEME}{quote(email, safe='@+!$&*=~')}"


def _inbox(config: Mapping[str, Any], targets: Targets) -> str:
    target = config.get("target")
    if not isinstance(target, dict) or not target.get("kind"):
        raise InvalidRequest("Missing target")
    kind, name = target["kind"], target.get("name")
    if not isinstance(kind, str) or kind not in {"user", "org", "team"}:
        raise InvalidRequest(f"Unknown target kind {kind!r}. Must be one of: user, org, team")
    if not isinstance(name, str) or not name:
        raise InvalidRequest("Missing target")
    if kind == "user":
        if not targets.accounts.knows(name):
            raise InvalidRequest(f"Unknown user {name}")
        return Owner(kind=OwnerKind.USER, name=name).url
    if kind == "team":
        if name not in targets.accounts.teams.get(targets.namespace, {}):
            raise InvalidRequest(f"Unknown team {name}")
        return Owner(kind=OwnerKind.TEAM, namespace=targets.namespace, name=name).url
    if not targets.organization:
        raise InvalidRequest(f"Unknown organization {name}")
    if name != targets.namespace:
        raise InvalidRequest("Organization name must match repository namespace")
    return Owner(kind=OwnerKind.ORG, namespace=name).url


_URLS: Final[Mapping[str, Callable[[Mapping[str, Any], Targets], str]]] = MappingProxyType(
    {
        "webhook": _webhook,
        "email": _email,
        "slack": _slack,
        "hipchat": _hipchat,
        "flowdock": _flowdock,
        "quay_notification": _inbox,
    }
)


def _text(config: Mapping[str, Any], key: str, missing: str) -> str:
    """A text, or a number written as one. Raises InvalidRequest, with what Quay says when there is none."""
    value = config.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise InvalidRequest(missing)
    return value


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False
