"""`presets`: the receivers that are known, and one of them as YAML to paste."""

from typing import Annotated, Any

import msgspec
import typer

from sidecar.cli.exits import misuse
from sidecar.cli.output import show_json, show_table
from sidecar.cli.parameters import AsJson


def presets(
    name: Annotated[
        str, typer.Argument(help="Show this one, as YAML to paste.", metavar="[NAME]", show_default=False)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List the receivers that are known, or show how to subscribe one."""
    from sidecar.config.presets import known, near

    if name and name not in known():
        raise misuse(f"there is no preset {name[:60]!r}: it must be {near(name)}")
    if as_json:
        listed = [_described(one) for one in ([name] if name else known())]
        show_json(listed[0] if name else {"presets": listed})
    elif name:
        print(entry(name), end="")
    else:
        rows = [(one, preset.title, preset.format, _gives(one)) for one, preset in known().items()]
        show_table(("PRESET", "RECEIVER", "FORMAT", "YOU GIVE"), rows, nothing="no presets")


def entry(name: str) -> str:
    """An entry of `subscriptions` with a preset, and what is known about it in comments."""
    from sidecar.config.presets import comes_to, example, known

    preset = known()[name]
    lines = [
        preset.title,
        f"checked against {preset.checked}",
        f"{name} comes to {comes_to(name)}",
        f"url: {preset.url.like}",
    ]
    lines += [f"headers.{header}: {one.what}" for header, one in preset.headers.items()]
    lines += [f"sign.secrets: {preset.secret}"] if preset.secret else []
    lines += [*preset.notes, f"more in docs/receivers/{preset.page}.md"]
    import yaml

    written = yaml.safe_dump([example(name)], sort_keys=False, allow_unicode=True, width=200)
    body = [f"# {one}" for one in lines] + written.splitlines()
    return "subscriptions:\n" + "".join(f"  {one}\n" for one in body)


def _gives(name: str) -> list[str]:
    from sidecar.config.presets import known

    preset = known()[name]
    return ["url", *(f"headers.{one}" for one in preset.headers), *(["sign.secrets"] if preset.secret else [])]


def _described(name: str) -> dict[str, Any]:
    from sidecar.config.presets import example, known

    preset = known()[name]
    return {
        "name": name,
        "title": preset.title,
        "page": f"docs/receivers/{preset.page}.md",
        "checked": preset.checked,
        "subscription": preset.subscription,
        "url": msgspec.to_builtins(preset.url),
        "headers": msgspec.to_builtins(preset.headers),
        "secret": preset.secret,
        "notes": preset.notes,
        "example": example(name),
    }
