"""The page of a repository: the template of `registries[].homepage`, filled in."""

from collections.abc import Callable

from sidecar.domain.event import Repository


def filled(template: str, place: Repository, write: Callable[[str], str] = str) -> str:
    """The template with the repository's names in it, each as `write` gives it."""
    return (
        template.replace("{repository}", write(place.path))
        .replace("{namespace}", write(place.namespace))
        .replace("{name}", write(place.name))
    )
