"""Whether somebody has the inbox that a subscription of the file is sent to."""

from collections.abc import Sequence

from sidecar.config.problems import Problems
from sidecar.config.tables import Section
from sidecar.domain.account import Accounts
from sidecar.domain.inbox import SCHEME, Owner


def check(sections: Sequence[Section], accounts: Accounts, problems: Problems) -> None:
    """Report inboxes of users and teams that are not there. What is owed to one that left later is kept for it."""
    for section in sections:
        url = section.get("url") or ""
        if url.startswith(f"{SCHEME}:"):
            sentence = Owner.parse(url).refusal(accounts)
            if sentence:
                problems.add(section.line("url"), f"{section.path}.url {sentence}")
