"""What must hold of a simulated world: looked at all the time, and once more at its end."""

import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from happenings import Told
from sidecar.domain.delivery import MOVES, Move, State


def _reachable(moves: Collection[Move]) -> dict[State, frozenset[State]]:
    """For every state, where deliveries may be by the next look: any number of moves away."""
    found = {one: {one} for one in State}
    for _ in State:
        for state in State:
            found[state] |= {move.after for move in moves if move.before in found[state]}
    return {state: frozenset(after) for state, after in found.items()}


BY_ITSELF = _reachable([move for move in MOVES if move.who == "courier"])
BY_OPERATORS = _reachable(MOVES)  # for deliveries that an operator has touched since the last look
FINAL = frozenset({State.DELIVERED, State.DEAD, State.CANCELLED})


class Look(dict[int, tuple[State, str]]):
    """The deliveries of a file as they stand: id to state and webhook id."""


def look(path: Path) -> Look:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT id, state, webhook_id FROM delivery").fetchall()
    connection.close()
    return Look({number: (State(state), id_) for number, state, id_ in rows})


def journal_after(path: Path, number: int) -> tuple[list[tuple[int, str]], int]:
    """The records of registries after a number, as (number, id), and how far they are translated."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute(
            "SELECT number, id FROM journal WHERE number > ? AND kind = 'registry' ORDER BY number", (number,)
        ).fetchall()
        cursor = connection.execute("SELECT value FROM meta WHERE key = 'cursor'").fetchone()[0]
    connection.close()
    return rows, cursor


def lanes_of_due(path: Path) -> list[int]:
    """The lane of every delivery that is due."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT lane FROM delivery WHERE state = 0").fetchall()
    connection.close()
    return [row[0] for row in rows]


def whose(path: Path, deliveries: Collection[int]) -> list[tuple[str, str]]:
    """The lane's name and the actors of the events of some deliveries."""
    marks = ",".join("?" * len(deliveries))
    with sqlite3.connect(path) as connection:
        rows = connection.execute(
            "SELECT l.name, e.body ->> 'actor' FROM delivery d JOIN lane l ON l.id = d.lane "
            f"JOIN event e ON e.id = d.event WHERE d.id IN ({marks})"
            " UNION SELECT l.name, e.body ->> 'actor' FROM delivery d JOIN lane l ON l.id = d.lane "
            "JOIN event_group g ON g.joined AND g.number = d.id / 65536 JOIN event_group_member m ON m.grp = g.id "
            f"JOIN event e ON e.id = m.event WHERE d.id IN ({marks})",
            [*deliveries, *deliveries],
        ).fetchall()
    connection.close()
    return rows


def moved(before: Look, after: Look, touched: Collection[int] = ()) -> list[str]:
    """Complaints about what became of deliveries between two looks, `touched` by operators meanwhile or not."""
    complaints = []
    for number, (state, id_) in before.items():
        now = after.get(number)
        reachable = (BY_OPERATORS if number in touched else BY_ITSELF)[state]
        if now is None:
            if not reachable & FINAL:
                complaints.append(f"delivery {number} vanished while it was {state.name}")
        elif now[1] != id_:
            complaints.append(f"delivery {number} was {id_} and is {now[1]}")
        elif now[0] not in reachable:
            complaints.append(f"delivery {number} went from {state.name} to {now[0].name}")
    return complaints


def check(world: Any) -> None:
    """The end of a world: nothing lost, nothing invented, nothing said twice without a reason."""
    written, aside, states = _journal(world.path)
    written |= world.written
    acknowledged = [one for one in world.envelopes if one.acknowledged]
    assert len(acknowledged) > 60
    assert world.kills >= 1
    assert world.complaints == []
    assert set(states) <= {State.DELIVERED}, f"every delivery that was ever written was made: {states}"

    # What could not be read is set aside, and nothing else is.
    assert world.aside <= set(aside) <= world.aside_ever

    # What was acknowledged was written, and everybody heard of it who listened all the time until it was translated.
    well = {one for _, one in world.well}
    heard: set[Told] = {told for one in world.sent if one.id in well for told in one.told}
    for one in acknowledged:
        assert set(one.records) <= written, f"never written: {one.records}"
        assert world.must(one) <= heard, f"never heard: {world.must(one) - heard}"

    # Nobody heard of anything else: neither of what is no event, nor of what was never written.
    allowed = {told for one in world.envelopes if set(one.records) <= written for told in world.may(one)}
    assert heard <= allowed, f"invented: {heard - allowed}"
    assert {told for one in world.sent for told in one.told} <= allowed

    # One message has one id and one body, on every attempt and over every restart.
    said: dict[str, tuple[tuple[Told, ...], bytes]] = {}
    for one in world.sent:
        assert said.setdefault(one.id, (one.told, one.body)) == (one.told, one.body)
    assert len({each for told, _ in said.values() for each in told}) == sum(len(told) for told, _ in said.values())

    # A message is said again after a success only by a process that could not know of the success.
    done: dict[int, set[str]] = {}
    for life, one in world.well:
        again = one in done.get(life, set()) and one not in world.replayed
        assert not again, "sent again by the process that had its answer"
        done.setdefault(life, set()).add(one)
    repeats = len(world.well) - len(well) - world.replayed.total()
    assert repeats <= world.kills * len(world.lanes) * 3 * 4


def _journal(path: Path) -> tuple[set[str], list[bytes], Mapping[int, int]]:
    """The ids of the records that are still there, what is in quarantine, and the deliveries by their states."""
    with sqlite3.connect(path) as connection:
        written = {row[0] for row in connection.execute("SELECT id FROM journal WHERE kind = 'registry'")}
        aside = [row[0] for row in connection.execute("SELECT body FROM quarantine")]
        states = dict(connection.execute("SELECT state, count(*) FROM delivery GROUP BY state").fetchall())
    connection.close()
    return written, aside, states
