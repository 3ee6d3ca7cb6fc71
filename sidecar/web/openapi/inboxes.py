"""What the calls of inboxes take and answer; for the document, as `operations` has the others."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from msgspec import Struct

from sidecar.web.inbox import OWNER, DismissBody
from sidecar.web.openapi import examples
from sidecar.web.openapi.fields import Count, Instant, Next, said
from sidecar.web.openapi.parts import Operation, Parameter


class Notification(Struct, rename="camel"):
    """What lies in an inbox."""

    id: str
    owner: Annotated[str, said("whose inbox it is: user/NAME, team/NAMESPACE/TEAM or org/NAMESPACE")]
    kind: Annotated[str, said("what happened, in the words of the format that told it")]
    created: Instant
    dismissed: Annotated[bool, said("for whoever asks")]
    content_type: Annotated[str, said("of the body as it was told")]
    body: Annotated[Any, said("what was told; text, where that is no JSON")]
    webhook_id: Annotated[str, said("of the delivery that brought it")]


class NotificationPage(Struct):
    items: list[Notification]
    next: Next


class Dismissed(Struct):
    """How many were dismissed."""

    dismissed: Count


_EXAMPLE: Final[dict[str, Any]] = {
    "id": examples.NOTIFICATION_ID,
    "owner": "user/maria",
    "kind": "repo_push",
    "created": examples.AT,
    "dismissed": False,
    "contentType": "application/json",
    "body": {
        "repository": "prj/app",
        "namespace": "prj",
        "name": "app",
        "docker_url": "registry.example.com/prj/app",
        "homepage": "https://registry.example.com/repository/prj/app",
        "updated_tags": ["v1.4.0"],
    },
    "webhookId": "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
}
_QUERY: Final[Mapping[str, Parameter]] = {
    "owner": Parameter(
        "only this inbox: user/NAME, team/NAMESPACE/TEAM or org/NAMESPACE; without it the caller's own",
        {"type": "string", "pattern": OWNER},
        "team/prj/dev",
    ),
    "dismissed": Parameter(
        "true = those that were dismissed as well", {"type": "string", "enum": ["true", "false", ""]}, "true"
    ),
}

OPERATIONS: Final[Mapping[str, Operation]] = {
    "listInbox": Operation(
        tag="Inboxes",
        summary="In-app notifications, the newest first",
        text="Without `owner` those of the caller, of the teams that they are in, and of the namespaces that they "
        "manage. Administrators may look into every inbox; over the socket, without being anybody, into all at once.",
        query=_QUERY,
        answer=NotificationPage,
        example={"items": [_EXAMPLE], "next": None},
        links={"dismiss": ("dismissItem", "id", "$response.body#/items/0/id")},
    ),
    "dismissAll": Operation(
        tag="Inboxes",
        summary="Dismiss everything that is listed",
        text="What comes meanwhile stays.",
        body=DismissBody,
        asked={"owner": "team/prj/dev"},
        answer=Dismissed,
        example={"dismissed": 3},
    ),
    "dismissItem": Operation(
        tag="Inboxes",
        summary="Dismiss one notification",
        text="What a team was told, for oneself; all else for everybody who sees it.",
        answer=Notification,
        example={**_EXAMPLE, "dismissed": True},
        fails={404: "There is no such notification, or it is not the caller's to see."},
    ),
}
