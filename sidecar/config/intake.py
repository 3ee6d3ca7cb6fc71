"""Who may tell what the registries do not."""

from collections.abc import Mapping, Sequence

from sidecar.config.problems import Problems
from sidecar.config.settings import Address, IntakeSettings
from sidecar.config.tables import Section
from sidecar.domain.secret import Secret


def intake(
    ingest: Section, registries: Mapping[str, Sequence[Secret]], listen: Sequence[Address], problems: Problems
) -> IntakeSettings:
    """The intake's tokens, and whether it takes the word of anybody.

    It does so only where nobody else can reach the listener, or where the file says `anonymous: true`. `registries` are
    the tokens of each.
    """
    private = all(one.loopback for one in listen)
    section: Section | None = ingest.get("intake")
    if section is None:
        return IntakeSettings(open=private)
    anonymous: bool | None = section.get("anonymous")
    given: list[Secret] = section.get("tokens", [])
    owners = {token: name for name, tokens in registries.items() for token in tokens}
    for index, token in enumerate(given):
        if token in owners:
            problems.add(
                section.item_line("tokens", index),
                f"{section.path}.tokens[{index}] is also a token of registry {owners[token]}: give the intake its own",
            )
    if section.has("tokens") and anonymous:
        problems.add(
            section.line("anonymous"), f"{section.path} has tokens and `anonymous: true`: remove one of the two"
        )
    elif not section.has("tokens") and anonymous is False:
        problems.add(section.line(), f"{section.path} has no `tokens` and must not be anonymous: add tokens")
    elif not section.has("tokens") and anonymous is None and not private:
        problems.add(
            section.line(),
            f"{section.path} has no `tokens`, and ingest.listen can be reached from other machines: add tokens, or "
            "write `anonymous: true`",
        )
    return IntakeSettings(tokens=tuple(dict.fromkeys(given)), open=bool(anonymous) or (private and anonymous is None))
