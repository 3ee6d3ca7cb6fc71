"""What the receivers of Harbor's and of container CloudEvents demand, as their own parsers read a body.

Versions: Keel 0.22.1, Kargo v1.11.2, Argo CD Image Updater v1.3.0, Argo CD's Harbor parser of 2026-08. Each table maps
a path to its rule: `[]` is every element of a list, `[0]` the first. A rule is given the value, or ABSENT.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Rule = Callable[[Any], bool]
ABSENT = object()


class Refused(Exception):
    """The receiver would answer 400 (or do nothing): the text names the path."""


def text(value: Any) -> bool:
    return isinstance(value, str)


def filled(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def some(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def optional(rule: Rule) -> Rule:
    return lambda value: value is ABSENT or value is None or rule(value)


def one_of(*names: str) -> Rule:
    return lambda value: value in names


def image_reference(value: Any) -> bool:
    """`host/repository:tag` or `host/repository@digest`, without scheme, and never with both tag and digest."""
    if not filled(value) or "://" in value or "/" not in value:
        return False
    rest = value.partition("/")[2]
    name, at, _digest = rest.partition("@")
    return bool(name) and (":" in name) is not bool(at)


def reference_with_host(value: Any) -> bool:
    """Keel takes a first segment without dot, colon or `localhost` for a Docker Hub user."""
    host = value.partition("/")[0] if isinstance(value, str) else ""
    return image_reference(value) and ("." in host or ":" in host or host == "localhost")


_REPOSITORY = {
    "event_data.repository.date_created": optional(integer),
    "event_data.repository.name": text,
    "event_data.repository.namespace": text,
    "event_data.repository.repo_full_name": filled,
    "event_data.repository.repo_type": one_of("public", "private"),
}

KEEL: Mapping[str, Rule] = {
    "type": one_of("PUSH_ARTIFACT", "pushImage"),
    "occur_at": integer,
    "operator": text,
    "event_data.resources": some,
    "event_data.resources[].digest": optional(text),
    "event_data.resources[].tag": optional(text),
    "event_data.resources[].resource_url": reference_with_host,  # the image comes from here alone
    **_REPOSITORY,
}
KARGO: Mapping[str, Rule] = {
    "type": one_of("PUSH_ARTIFACT"),
    "event_data.resources": some,
    "event_data.resources[].tag": text,
    "event_data.resources[0].resource_url": image_reference,
}
IMAGE_UPDATER: Mapping[str, Rule] = {
    "type": one_of("PUSH_ARTIFACT"),
    "occur_at": integer,
    "operator": text,
    "event_data.resources": some,
    "event_data.resources[0].digest": optional(text),
    "event_data.resources[0].tag": filled,
    "event_data.resources[0].resource_url": filled,
    "event_data.custom_attributes": optional(lambda value: isinstance(value, dict)),
    **_REPOSITORY,
}
ARGO_CD: Mapping[str, Rule] = {
    "type": one_of("PUSH_ARTIFACT"),
    "occur_at": integer,
    "operator": text,
    "event_data.resources": some,
    "event_data.resources[].digest": optional(text),
    "event_data.resources[0].tag": filled,
    "event_data.resources[0].resource_url": filled,
    **_REPOSITORY,
}
HARBOR_RECEIVERS: Mapping[str, Mapping[str, Rule]] = {
    "keel": KEEL,
    "kargo": KARGO,
    "image updater": IMAGE_UPDATER,
    "argo cd": ARGO_CD,
}
# Content-Type: Image Updater wants to find this in it; Flux shows a body to its filters under this type only.
HARBOR_CONTENT_TYPE = "application/json"

# Image Updater, `type=cloudevents`.
IMAGE_UPDATER_CLOUDEVENTS: Mapping[str, Rule] = {
    "specversion": filled,
    "type": lambda value: text(value) and ("container" in value or "image" in value),
    "source": filled,
    "data.repository": filled,
    "data.tag": filled,
    "data.digest": optional(text),
    "data.registryUrl": lambda value: filled(value) and "/" not in value,
    # These three are looked at first, so they must not be there with another meaning.
    "data.repositoryName": lambda value: value is ABSENT,
    "data.imageTag": lambda value: value is ABSENT,
    "data.imageDigest": lambda value: value is ABSENT,
}


def demand(rules: Mapping[str, Rule], body: Any) -> None:
    """Raise Refused with the first path whose rule the body breaks."""
    for path, rule in rules.items():
        for value in _values(body, path.split(".")):
            if not rule(value):
                raise Refused(path)


def _values(value: Any, steps: list[str]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    name, bracket, index = steps[0].partition("[")
    inner = value.get(name, ABSENT) if isinstance(value, dict) else ABSENT
    if not bracket:
        yield from _values(inner, steps[1:])
    elif isinstance(inner, list):
        for one in inner[:1] if index == "0]" else inner:
            yield from _values(one, steps[1:])
