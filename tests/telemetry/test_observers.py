"""Several observers as one."""

from sidecar.telemetry.observers import Observers


class Ear:
    def __init__(self):
        self.heard = []

    def __getattr__(self, verb):
        return lambda *told: self.heard.append((verb, *told))


class Deaf:
    def __getattr__(self, verb):
        def fail(*_):
            raise RuntimeError(verb)

        return fail


CALLS = [
    ("ingested", "main", "accepted", 1),
    ("quarantined", "item"),
    ("translated", "main", "announced", [], 5),
    ("planned", "argocd", 2),
    ("refused", "argocd", "backlog_full", 3),
    ("attempted", "argocd", "settlement", "outcome", "delivery"),
    ("lane_changed", "argocd", "held", "gone"),
    ("operated", "ada", "pause", 1, "subscription=one"),
    ("visited", "visit"),
    ("trouble", "journal", "error"),
]


def test_every_observer_hears_every_call():
    first, second = Ear(), Ear()
    observers = Observers(first, second)
    for verb, *told in CALLS:
        getattr(observers, verb)(*told)
    assert first.heard == second.heard == CALLS


def test_one_that_joins_hears_what_comes_until_another_takes_its_place():
    always, guest, other = Ear(), Ear(), Ear()
    observers = Observers(always)
    observers.planned("argocd", 1)
    observers.join(guest)
    observers.planned("argocd", 2)
    observers.join(other)
    observers.planned("argocd", 3)
    observers.join()
    observers.planned("argocd", 4)
    assert [told[2] for told in always.heard] == [1, 2, 3, 4]
    assert [told[2] for told in guest.heard + other.heard] == [2, 3]


def test_one_that_fails_stops_neither_the_others_nor_the_caller():
    last = Ear()
    observers = Observers(Deaf(), last)
    for verb, *told in CALLS:
        getattr(observers, verb)(*told)
    assert last.heard == CALLS


def test_a_failing_observer_is_reported_once_for_each_kind_of_error():
    failures = []
    observers = Observers(Deaf(), failed=failures.append)
    for _ in range(3):
        observers.planned("argocd", 1)
    assert [str(error) for error in failures] == ["planned"]
