"""What chats answer: failures that come with the status of a success, and what their bodies add to other failures."""

import json
from typing import Any, Final

from sidecar.dialects.story import shown
from sidecar.domain import statuses
from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.message import Response
from sidecar.domain.subscription import Policy

_DETAIL: Final = 200  # characters of what a body said
_ANSWER: Final = 1024


def said(response: Response) -> dict[str, Any]:
    """The JSON object that a body is, {} where it is none."""
    if not response.body.lstrip().startswith(b"{"):
        return {}
    try:
        value = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def refused(response: Response, reason: Reason, text: str, *, retryable: bool) -> Outcome:
    """The outcome of an answer that says no in its body."""
    detail = f"answered {response.status}, but its body says: {shown(text, _DETAIL)}"
    return Outcome(
        reason=reason, retryable=retryable, status=response.status, detail=detail, answer=response.body[:_ANSWER]
    )


def refused_as(response: Response, status: int, text: str, policy: Policy) -> Outcome:
    """The outcome of an answer whose body says that the status is really this one."""
    retryable = statuses.is_retried(status, policy.give_up_on)
    return refused(response, statuses.reason_of(status), text, retryable=retryable)


def status_in(value: object) -> int:
    """A body's number if it is the status of a failure, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600 else 0
