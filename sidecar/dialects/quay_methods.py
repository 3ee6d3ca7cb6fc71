"""Quay's ways of notifying: what a webhook is sent, put as each method puts it (notificationmethod.py of Quay 3).

HipChat and Flowdock have ended; what is still there in their stead takes the same bodies.
"""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from sidecar.dialects import quay_texts
from sidecar.dialects.quay_texts import Html, Said, Slack
from sidecar.domain import mime

JSON: Final = "application/json"
Body = tuple[str, bytes]  # its content type, and itself


# Quay's names of them.
Method = Literal["webhook", "email", "slack", "hipchat", "flowdock", "quay_notification"]

_WEB: Final = ("http", "https")
_SCHEMES: Final[Mapping[Method, tuple[str, ...]]] = MappingProxyType(
    {"email": ("mailto",), "quay_notification": ("inbox",)}
)
_SLACK_COLORS: Final = {
    "info": "#ffffff",
    "warning": "warning",
    "error": "danger",
    "success": "good",
    "primary": "good",
}
_HIPCHAT_COLORS: Final = {"info": "gray", "warning": "yellow", "error": "red", "success": "green", "primary": "purple"}


def schemes(method: Method) -> tuple[str, ...]:
    """Those of the URLs that a method is sent to."""
    return _SCHEMES.get(method, _WEB)


def body(method: Method, said: Said, sender: str) -> Body:
    """What a method sends; `sender` is the address that Flowdock shows. Webhooks are not put in other words."""
    return _BODIES[method](said, sender)


def _slack(said: Said, _sender: str) -> Body:
    summary = quay_texts.slack_text(quay_texts.summary(said))
    attachment = {
        "fallback": summary,
        "text": quay_texts.message(said, Slack()),
        "color": _SLACK_COLORS[quay_texts.level(said)],
        "mrkdwn_in": ["text"],
    }
    return _json({"text": summary, "username": "quayiobot", "attachments": [attachment]})


def _hipchat(said: Said, _sender: str) -> Body:
    level = quay_texts.level(said)
    return _json(
        {
            "color": _HIPCHAT_COLORS[level],
            "message": quay_texts.message(said, Html()),
            "notify": level == "error",
            "message_format": "html",
        }
    )


def _flowdock(said: Said, sender: str) -> Body:
    namespace = said.data["namespace"]
    return _json(
        {
            "source": "Quay",
            "from_address": sender,
            "subject": quay_texts.summary(said),
            "content": quay_texts.message(said, Html()),
            "from_name": namespace,
            "project": f"{namespace} {said.data['name']}" if "name" in said.data else namespace,
            "tags": [f"#{said.word}"],
            "link": said.data["homepage"],
        }
    )


def _email(said: Said, _sender: str) -> Body:
    """A mail without sender, recipients, date and id, which whoever carries it adds; HTML alone, as Quay has it."""
    letter = mime.letter(quay_texts.summary(said), "", quay_texts.message(said, Html()))
    return mime.CONTENT_TYPE, letter


def _inbox(said: Said, _sender: str) -> Body:
    return _json({"kind": said.word, "metadata": said.data})


def _json(value: Any) -> Body:
    return JSON, json.dumps(value).encode("ascii")


_BODIES: Final[Mapping[Method, Callable[[Said, str], Body]]] = MappingProxyType(
    {
        "slack": _slack,
        "hipchat": _hipchat,
        "flowdock": _flowdock,
        "email": _email,
        "quay_notification": _inbox,
    }
)
