"""What Quay adds to where it happened when somebody presses "Test Notification": get_sample_data of Quay 3, key by key.

It is not what happens: `pruned_image_count` is in no real push, `image` in no vulnerability, `build_name` in no build
that was queued. What the notification was asked for with shows in a few: the severity, the days.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from sidecar.dialects import quay_scans
from sidecar.domain import instant

BUILD: Final = "fake-build-id"
REF: Final = "refs/heads/somebranch"  # of the builds: a notification for other references is not sent them

_KINDS: Final = {"trigger_id": "1245634", "trigger_kind": "GitHub"}
_NAMES: Final = {"build_id": BUILD, "build_name": "some-fake-build", "docker_tags": ["latest", "foo", "bar"]}
_COMMIT: Final = {"default_branch": "master", "ref": REF, "commit": "42d4a62c53350993ea41069e9f2cfdefb0df097d"}
_BUILT: Final = {**_NAMES, **_KINDS, "trigger_metadata": _COMMIT}
_ENDED: Final = {**_BUILT, "image_id": "1245657346"}
_MIRRORED: Final = {"message": "TEST NOTIFICATION"}


def _commit(now: int) -> dict[str, Any]:
    """With who committed it; Quay's date is whole seconds, as a float."""
    author = {
        "username": "fakeauthor",
        "url": "http://path/to/fake/author/in/scm",
        "avatar_url": "http://www.gravatar.com/avatar/fakehash",
    }
    info = {
        "url": "http://path/to/the/commit",
        "message": "Some commit message",
        "date": float(now // instant.SECOND),
        "author": author,
    }
    return {**_COMMIT, "commit_info": info}


def _vulnerability(settings: Mapping[str, Any], _now: int) -> Mapping[str, Any]:
    return {
        "tags": ["latest", "prod", "foo", "bar", "baz"],
        "image": "some-image-id",
        "vulnerability": {
            "id": "CVE-FAKE-CVE",
            "description": "A futurist vulnerability",
            "link": "https://security-tracker.debian.org/tracker/CVE-FAKE-CVE",
            "priority": quay_scans.named(settings.get("level")),
        },
    }


def _queued(_settings: Mapping[str, Any], now: int) -> Mapping[str, Any]:
    return {"is_manual": False, **_NAMES, **_KINDS, "trigger_metadata": _commit(now)}


def _failed(_settings: Mapping[str, Any], now: int) -> Mapping[str, Any]:
    return {
        **_NAMES,
        "trigger_kind": _KINDS["trigger_kind"],
        "error_message": "This is a fake error message",
        "trigger_id": _KINDS["trigger_id"],
        "trigger_metadata": _commit(now),
    }


def _expiry(settings: Mapping[str, Any], _now: int) -> Mapping[str, Any]:
    return {"tags": ["latest", "v1"], "expiring_in": f"{settings.get('days')} days"}


def _always(keys: Mapping[str, Any]) -> Callable[[Mapping[str, Any], int], Mapping[str, Any]]:
    return lambda _settings, _now: keys


_ADDED: Final[Mapping[str, Callable[[Mapping[str, Any], int], Mapping[str, Any]]]] = MappingProxyType(
    {
        "repo_push": _always({"updated_tags": ["latest", "foo"], "pruned_image_count": 3}),
        "build_queued": _queued,
        "build_start": _always(_BUILT),
        "build_success": _always(_ENDED),
        "build_failure": _failed,
        "build_cancelled": _always(_ENDED),
        quay_scans.WORD: _vulnerability,
        "repo_mirror_sync_started": _always(_MIRRORED),
        "repo_mirror_sync_success": _always(_MIRRORED),
        "repo_mirror_sync_failed": _always(_MIRRORED),
        "repo_image_expiry": _expiry,
        "quota_warning": _always(
            {
                "threshold_percent": 80,
                "usage_bytes": 858993459,
                "limit_bytes": 1073741824,
                "usage_percent": 80,
                "usage_bytes_formatted": "819.20 MB",
                "limit_bytes_formatted": "1.00 GB",
            }
        ),
        "quota_error": _always(
            {
                "threshold_percent": 100,
                "usage_bytes": 1127428915,
                "limit_bytes": 1073741824,
                "usage_percent": 105,
                "usage_bytes_formatted": "1.05 GB",
                "limit_bytes_formatted": "1.00 GB",
            }
        ),
    }
)
WORDS: Final = frozenset(_ADDED)


def added(word: str, settings: Mapping[str, Any], now: int) -> Mapping[str, Any]:
    """What the sample of a word adds. `settings` are the notification's eventConfig, `now` is an instant.

    Raises KeyError for what is no event of Quay's.
    """
    return _ADDED[word](settings, now)
