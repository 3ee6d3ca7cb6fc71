"""One sidecar's answers, as examples of the document. A test holds each against its schema."""

from typing import Any, Final

EVENT_ID: Final = "019ab2c4-7c11-8d3e-9f20-5b1c2d3e4f50"
DIGEST: Final = "sha256:7f2c1f2a9b0e4d8e8a8f3c5e1d7b6a594c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f"
AT: Final = "2026-11-22T08:00:00Z"
LATER: Final = "2026-11-22T08:05:00Z"

STATUS: Final = {
    "version": "1.0.0",
    "ready": True,
    "unready": [],
    "config": {"source": "/etc/registry-sidecar/config.yml", "error": ""},
    "store": {
        "path": "/var/lib/registry-sidecar/sidecar.db",
        "down": "",
        "sizeBytes": 8388608,
        "usedBytes": 6291456,
        "walBytes": 8388608,
        "freeBytes": 42949672960,
    },
    "translator": {"cursor": 4711, "last": 4711, "lagSeconds": 0.0},
    "registries": ["main"],
    "lastEvents": {"main": AT},
}

_ROW: Final = {"id": EVENT_ID, "type": "artifact.pushed", "time": AT, "accepted": AT}
EVENTS: Final = {
    "events": [
        {
            **_ROW,
            "registry": "main",
            "repository": "prj/app",
            "tags": ["v1.4.0"],
            "digest": DIGEST,
            "kind": "image",
            "actor": "ci",
            "due": 0,
            "delivered": 1,
            "dead": 1,
            "cancelled": 0,
            "waiting": 0,
        }
    ],
    "next": "4711",
}
_EVENT: Final = {
    **_ROW,
    "registry": {"name": "main", "hostname": "registry.example.com", "scheme": "https"},
    "repository": {
        "path": "prj/app",
        "namespace": "prj",
        "name": "app",
        "namespaceId": 2,
        "public": False,
        "created": "2026-03-01T12:00:00Z",
    },
    "artifact": {
        "digest": DIGEST,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "size": 1234,
        "kind": "image",
        "references": [
            {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": DIGEST, "size": 7023},
        ],
    },
    "tags": ["v1.4.0"],
    "previousDigest": None,
    "changed": True,
    "recovered": False,
    "actor": "ci",
    "request": {
        "id": "1c4f7c9a-6f50-4a3c-bd0a-6a8e4a4f5b6c",
        "client": "192.0.2.7",
        "host": "registry.example.com",
        "method": "PUT",
        "userAgent": "docker/28.0.1",
    },
    "record": "asdf-asdf-asdf-asdf-0",
}

DELIVERY: Final[dict[str, Any]] = {
    "id": 812,
    "event": EVENT_ID,
    "type": "artifact.pushed",
    "repository": "prj/app",
    "subscription": "updater",
    "word": "PUSH_ARTIFACT",
    "webhookId": "msg_2b7e151628aed2a6abf7158809cf4f3c",
    "state": "due",
    "due": LATER,
    "created": AT,
    "attempts": 1,
    "reason": "server_error",
    "status": 502,
    "detail": "answered 502",
    "done": None,
}
_LOG: Final = [
    {
        "number": 1,
        "started": AT,
        "tookMs": 12.5,
        "reason": "server_error",
        "status": 502,
        "detail": "answered 502",
        "answer": "Bad Gateway",
    }
]
_BODY: Final = '{"type":"PUSH_ARTIFACT","occur_at":1795334400,"operator":"ci","event_data":{}}'
WHOLE_DELIVERY: Final = {**DELIVERY, "together": [], "contentType": "application/json", "body": _BODY, "log": _LOG}
DELIVERIES: Final = {"deliveries": [DELIVERY], "next": "812"}
_WAITS: Final = [
    {"subscription": "chat", "word": "artifact.pushed", "whole": False, "until": LATER, "events": 3},
]
EVENT_WITH_DELIVERIES: Final = {"event": _EVENT, "deliveries": [DELIVERY], "waits": _WAITS}

_REQUEST: Final = {
    "word": "PUSH_ARTIFACT",
    "webhookId": DELIVERY["webhookId"],
    "method": "POST",
    "url": "https://updater.example.com/...",
    "headers": [
        {"name": "Host", "value": "updater.example.com"},
        {"name": "Authorization", "value": "<secret>"},
    ],
    "body": _BODY,
    "base64": False,
    "delivery": 812,
    "state": "due",
    "log": _LOG,
}
EXPLAINED: Final = {
    "event": _EVENT,
    "subscriptions": [
        {
            "subscription": "updater",
            "format": "harbor",
            "fired": True,
            "why": "every filter admits it",
            "words": ["PUSH_ARTIFACT"],
            "requests": [_REQUEST],
            "deliveries": [DELIVERY],
        }
    ],
    "others": [],
    "waits": _WAITS,
}

LANE: Final[dict[str, Any]] = {
    "name": "updater",
    "source": "file",
    "key": "updater",
    "namespace": "",
    "repository": "",
    "trouble": "",
    "format": "harbor",
    "destination": "https://updater.example.com",
    "enabled": True,
    "events": ["artifact.pushed", "artifact.deleted"],
    "hold": "",
    "orphaned": False,
    "pausedUntil": None,
    "breaker": "closed",
    "nextProbe": None,
    "limit": 4,
    "inFlight": 0,
    "pending": 1,
    "dead": 0,
    "waiting": 0,
    "lastSuccess": AT,
    "failures": 1,
}
UNDELIVERED: Final = {
    "deliveries": [DELIVERY],
    "next": None,
    "counts": [
        {
            "subscription": "updater",
            "due": 1,
            "dead": 0,
            "oldest": AT,
            "waiting": 0,
            **{name: LANE[name] for name in ("enabled", "hold", "orphaned", "trouble", "pausedUntil", "breaker")},
            **{name: LANE[name] for name in ("nextProbe", "inFlight", "lastSuccess", "failures")},
        }
    ],
}
STEP: Final = {
    "count": 1,
    "subscriptions": [{"subscription": "updater", "count": 1}],
    "withoutBytes": 0,
    "orphaned": [],
    "waiting": [],
    "next": None,
}

ASKED: Final = {
    "name": "ci",
    "namespace": "prj",
    "format": "harbor",
    "events": ["PUSH_ARTIFACT"],
    "url": "https://ci.example.com/hook",
    "headers": {"Authorization": "Bearer ..."},
}
_KEPT: Final = {**ASKED, "repository": "", "enabled": True, "headers": {"Authorization": "<secret>"}}
MADE: Final = {
    "name": "ci",
    "source": "native",
    "id": 7,
    "uuid": "6f1c9a52-4a7d-4b8e-9c3f-2d1e0f9a8b7c",
    "revision": 1,
    "creator": "maria",
    "created": AT,
    "updated": AT,
    "trouble": "",
    "subscription": _KEPT,
    "targets": [_KEPT],
    "lanes": [
        {
            **LANE,
            "name": "api:native/7",
            "source": "native",
            "key": "ci",
            "namespace": "prj",
            "destination": "https://ci.example.com",
            "events": ["PUSH_ARTIFACT"],
            "pending": 0,
            "lastSuccess": None,
            "failures": 0,
        }
    ],
}
HELD: Final = {"name": "updater", "hold": "operator", "orphaned": False, "pausedUntil": None, "pending": 1}
TRIED: Final = {
    "subscription": "updater",
    "event": "artifact.deleted",
    "delivered": True,
    "reason": "ok",
    "status": 200,
    "detail": "",
    "tookMs": 12.5,
    "answer": "",
    "request": {**_REQUEST, "word": "DELETE_ARTIFACT", "delivery": None, "state": None, "log": []},
}

PULLS: Final = {
    "pulls": [
        {
            "registry": "main",
            "repository": "prj/app",
            "digest": DIGEST,
            "kind": "image",
            "live": True,
            "pulls": 42,
            "lastPulled": AT,
            "byTag": [{"tag": "v1.4.0", "pulls": 40, "lastPulled": AT}, {"tag": "", "pulls": 2, "lastPulled": AT}],
        }
    ],
    "next": None,
}
SCANS: Final = {
    "scans": [
        {
            "registry": "main",
            "repository": "prj/app",
            "digest": DIGEST,
            "tags": ["v1.4.0"],
            "live": True,
            "type": "scan.completed",
            "time": AT,
            "event": EVENT_ID,
            "severity": "High",
            "scores": {"critical": 1, "major": 0, "minor": 1},
            "report": "vulnerability",
            "status": "success",
            "scanner": {"name": "Trivy", "vendor": "Aqua Security", "version": "0.67.2"},
            "severities": {"High": 1, "Low": 1},
            "total": 2,
            "fixable": 1,
        }
    ],
    "next": None,
}
USAGE: Final = {
    "usage": [
        {
            "registry": "main",
            "namespace": "prj",
            "bytes": 912680550,
            "limit": 1073741824,
            "percent": 85,
            "warnAt": [85],
            "counting": False,
            "unknown": 0,
        }
    ]
}
EXPIRING: Final = {
    "tags": [
        {
            "registry": "main",
            "repository": "prj/app",
            "tag": "v1.4.0",
            "digest": DIGEST,
            "pushed": AT,
            "expires": "2027-02-20T08:00:00Z",
            "set": False,
            "told": ["updater"],
        }
    ],
    "next": None,
}
EXPIRY_SET: Final = {"registry": "main", "repository": "prj/app", "tag": "v1.4.0", "expires": "2027-02-20T08:00:00Z"}
NOTIFICATION_ID: Final = "7b0d6f1e-6a51-5c0e-9a3f-0d6c1b7a2e45"
QUARANTINED: Final = {
    "id": 3,
    "at": AT,
    "registry": "main",
    "reason": "unreadable",
    "detail": "not JSON",
    "contentType": "application/json",
    "record": "",
    "size": 1,
}
_WALK: Final = {
    "id": 5,
    "state": "finished",
    "cause": "schedule",
    "silent": False,
    "due": AT,
    "started": AT,
    "ended": LATER,
    "repositories": 12,
    "repositoriesDone": 12,
    "listed": True,
    "seen": 340,
    "known": 339,
    "changes": 1,
    "deletions": 0,
    "why": "",
}
WALKS: Final = {"registry": "main", "current": None, "held": None, "last": _WALK}
BACKUP: Final = (
    '{"copied":4194304,"total":8388608}\n'
    '{"copied":8388608,"total":8388608}\n'
    '{"backup":{"path":"/backup/sidecar.db","sizeBytes":8388608,"seconds":0.2,"lastRecord":4711,'
    '"at":"2026-11-22T08:00:00Z"}}\n'
)
