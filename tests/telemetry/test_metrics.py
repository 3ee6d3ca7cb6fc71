"""Metrics: their names, what exists at zero, what is counted, what goes away. Read back with Prometheus' own parser."""

import re
import uuid

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from sidecar import __version__
from sidecar.dialects.contract import sample
from sidecar.domain.delivery import Delivery, Outcome, Reason, Settlement, State
from sidecar.domain.fold import OUTCOMES
from sidecar.domain.record import Quarantined, QuarantineReason
from sidecar.domain.registry import Asked
from sidecar.domain.trace import Tracing
from sidecar.domain.walk import Cause, Walk, WalkState
from sidecar.telemetry.metrics import Metrics

P = "registry_sidecar_"
DELIVERY = Delivery(
    id=7,
    lane=1,
    event=3,
    event_id="01a20085-bf37-83c8-b153-04e83db291a8",
    webhook_id="w-7",
    word="PUSH_ARTIFACT",
    content_type="",
    body=b"{}",
    due=0,
    created=10**9,
)


def settled(state, reason, *, took=250_000_000, started=3 * 10**9):
    return Settlement(delivery=7, lane=1, attempt=1, state=state, due=0, started=started, took=took, reason=reason)


def read(metrics):
    """Every sample as {(name, frozenset of labels): value}."""
    text = metrics.render()[0].decode()
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def value(metrics, name, **labels):
    return read(metrics)[P + name, frozenset(labels.items())]


@pytest.fixture
def metrics():
    metrics = Metrics()
    metrics.configure(["main"], [("argocd", "harbor")], asked=["main"])
    return metrics


CONTRACT = {
    "events_total": {"registry", "outcome"},
    "ingest_requests_total": {"registry", "outcome"},
    "ack_seconds": set(),
    "commit_batch_size": set(),
    "commit_seconds": set(),
    "translator_lag_seconds": set(),
    "deliveries_total": {"subscription", "format", "outcome", "reason"},
    "deliveries_planned_total": {"subscription"},
    "attempt_seconds": {"subscription"},
    "end_to_end_seconds": {"subscription"},
    "lane_backlog": {"subscription"},
    "oldest_due_seconds": {"subscription"},
    "lane_paused": {"subscription"},
    "tls_unverified": {"subscription"},
    "breaker_open": {"subscription"},
    "intake_requests_total": {"route", "outcome"},
    "last_event_timestamp_seconds": {"registry"},
    "walk_running": {"registry"},
    "walk_held": {"registry"},
    "walk_seen": {"registry"},
    "walk_changes": {"registry"},
    "walk_finished_timestamp_seconds": {"registry"},
    "namespace_used_bytes": {"registry", "namespace"},
    "namespace_limit_bytes": {"registry", "namespace"},
    "inbox_open": set(),
    "store_up": set(),
    "store_size_bytes": set(),
    "wal_size_bytes": set(),
    "store_used_bytes": set(),
    "store_over_size": set(),
    "store_corrupt": set(),
    "retention_held": set(),
    "disk_free_bytes": set(),
    "quarantined_total": {"reason"},
    "config_reload_success": set(),
    "config_reload_timestamp_seconds": set(),
    "subscriptions_orphaned": set(),
    "build_info": {"version", "python"},
    "writer_hold_seconds": {"verb"},
    "trouble_total": {"where"},
    "registry_requests_total": {"registry", "outcome"},
    "registry_request_seconds": {"registry"},
    "registry_breaker_open": {"registry"},
    "spans_total": {"outcome"},
}


def test_the_names_and_labels_that_dashboards_rely_on(metrics):
    metrics.held("append", 0.001)
    metrics.trouble("translator", OSError())
    metrics.set_usage([("main", "prj", 1, 2)])
    found = {}
    for name, labels in read(metrics):
        if name.startswith(P):
            base = re.sub(r"_(bucket|sum|count)$", "", name.removeprefix(P))
            found.setdefault(base, set()).update({key for key, _ in labels} - {"le"})
    assert found == CONTRACT


def test_what_is_to_be_expected_exists_at_zero(metrics):
    samples = read(metrics)
    for outcome in (*OUTCOMES, "quarantined"):
        assert samples[P + "events_total", frozenset({("registry", "main"), ("outcome", outcome)})] == 0
    for outcome in ("accepted", "duplicate", "quarantined", "unauthorized", "unavailable"):
        assert samples[P + "ingest_requests_total", frozenset({("registry", "main"), ("outcome", outcome)})] == 0
    for outcome in ("ok", "unchanged", "not_found", "unauthorized", "throttled", "refused", "server_error"):
        assert samples[P + "registry_requests_total", frozenset({("registry", "main"), ("outcome", outcome)})] == 0
    for outcome in ("unreachable", "timed_out", "invalid", "skipped"):
        assert samples[P + "registry_requests_total", frozenset({("registry", "main"), ("outcome", outcome)})] == 0
    assert samples[P + "registry_breaker_open", frozenset({("registry", "main")})] == 0
    for reason in QuarantineReason:
        assert samples[P + "quarantined_total", frozenset({("reason", reason.value)})] == 0
    delivered = {"subscription": "argocd", "format": "harbor", "outcome": "delivered", "reason": "ok"}
    dead = {"subscription": "argocd", "format": "harbor", "outcome": "dead", "reason": "expired"}
    full = {**dead, "reason": "backlog_full"}
    for labels in (delivered, dead, full):
        assert samples[P + "deliveries_total", frozenset(labels.items())] == 0
    assert samples[P + "attempt_seconds_count", frozenset({("subscription", "argocd")})] == 0


def test_spans_are_counted_by_what_became_of_them(metrics):
    metrics.spans("dropped", 3)
    metrics.spans("dropped", 4)
    assert [value(metrics, "spans_total", outcome=one) for one in ("exported", "dropped", "rejected")] == [0, 7, 0]


def test_attempts_name_their_trace_in_open_metrics_where_it_is_sampled(metrics):
    """The way from a slow bucket to a trace that is in it. None without tracing, and none to what is not kept."""

    def exemplars():
        text = metrics.render("application/openmetrics-text; version=1.0.0")[0].decode()
        return {
            (one.name.removeprefix(P), one.exemplar.labels["trace_id"], one.exemplar.value)
            for family in openmetrics.text_string_to_metric_families(text)
            for one in family.samples
            if one.exemplar
        }

    metrics.attempted("argocd", settled(State.DELIVERED, Reason.OK), Outcome(reason=Reason.OK), DELIVERY)
    metrics.tracing = Tracing(sample=0.0)
    metrics.attempted("argocd", settled(State.DELIVERED, Reason.OK), Outcome(reason=Reason.OK), DELIVERY)
    assert exemplars() == set()
    metrics.tracing = Tracing()
    metrics.attempted("argocd", settled(State.DELIVERED, Reason.OK), Outcome(reason=Reason.OK), DELIVERY)
    trace = uuid.UUID(DELIVERY.event_id).hex
    assert exemplars() == {("attempt_seconds_bucket", trace, 0.25), ("end_to_end_seconds_bucket", trace, 2.25)}


def test_attempts_are_counted_by_what_became_of_the_delivery(metrics):
    outcome = Outcome(reason=Reason.OK)
    metrics.attempted("argocd", settled(State.DUE, Reason.TIMED_OUT), outcome, DELIVERY)
    metrics.attempted("argocd", settled(State.DUE, Reason.TIMED_OUT), outcome, DELIVERY)
    metrics.attempted("argocd", settled(State.DELIVERED, Reason.OK), outcome, DELIVERY)
    metrics.attempted("argocd", settled(State.DEAD, Reason.GONE), outcome, DELIVERY)
    about = {"subscription": "argocd", "format": "harbor"}
    assert value(metrics, "deliveries_total", **about, outcome="retried", reason="timed_out") == 2
    assert value(metrics, "deliveries_total", **about, outcome="delivered", reason="ok") == 1
    assert value(metrics, "deliveries_total", **about, outcome="dead", reason="gone") == 1
    assert value(metrics, "attempt_seconds_count", subscription="argocd") == 4
    assert value(metrics, "attempt_seconds_sum", subscription="argocd") == pytest.approx(1.0)


def test_what_is_dead_without_an_attempt_is_counted_and_no_attempt_is(metrics):
    metrics.refused("argocd", Reason.BACKLOG_FULL, 7)
    metrics.refused("argocd", Reason.RENDER_FAILED, 1)
    metrics.refused("gone", Reason.BACKLOG_FULL, 1)
    about = {"subscription": "argocd", "format": "harbor", "outcome": "dead"}
    assert value(metrics, "deliveries_total", **about, reason="backlog_full") == 7
    assert value(metrics, "deliveries_total", **about, reason="render_failed") == 1
    assert value(metrics, "attempt_seconds_count", subscription="argocd") == 0


def test_end_to_end_runs_from_the_deliverys_making_to_its_success_only(metrics):
    metrics.attempted("argocd", settled(State.DUE, Reason.TIMED_OUT), Outcome(reason=Reason.OK), DELIVERY)
    assert value(metrics, "end_to_end_seconds_count", subscription="argocd") == 0
    metrics.attempted("argocd", settled(State.DELIVERED, Reason.OK), Outcome(reason=Reason.OK), DELIVERY)
    assert value(metrics, "end_to_end_seconds_sum", subscription="argocd") == pytest.approx(2.25)  # 3 + 0.25 - 1


def test_a_pair_that_was_not_expected_is_counted_too(metrics):
    metrics.attempted("argocd", settled(State.DUE, Reason.REDIRECTED), Outcome(reason=Reason.OK), DELIVERY)
    labels = {"subscription": "argocd", "format": "harbor", "outcome": "retried", "reason": "redirected"}
    assert value(metrics, "deliveries_total", **labels) == 1


def test_records_envelopes_and_plans_are_counted(metrics):
    event = sample()
    metrics.ingested("main", "accepted", 3)
    metrics.translated("main", "announced", [event], 1_500_000_000)
    metrics.planned("argocd", 4)
    metrics.quarantined(Quarantined(0, "main", "poison", "", b""))
    assert value(metrics, "ingest_requests_total", registry="main", outcome="accepted") == 1
    assert value(metrics, "events_total", registry="main", outcome="announced") == 1
    assert value(metrics, "last_event_timestamp_seconds", registry="main") == pytest.approx(event.accepted / 1e9)
    assert value(metrics, "deliveries_planned_total", subscription="argocd") == 4
    assert value(metrics, "quarantined_total", reason="poison") == 1


def test_names_from_outside_make_no_label(metrics):
    """Anybody can post to /events/<any name>, and a lane may outlive its subscription."""
    before = read(metrics).keys()
    metrics.ingested("../../etc", "unauthorized", 0)
    metrics.translated("gone", "blob", [], 0)
    metrics.planned("gone", 1)
    metrics.attempted("gone", settled(State.DELIVERED, Reason.OK), Outcome(reason=Reason.OK), DELIVERY)
    metrics.set_lane("gone", backlog=1, oldest_due=0, paused=False)
    metrics.asked("gone", Asked.OK, 0.1)
    metrics.breaker("gone", opened=True)
    assert read(metrics).keys() == before
    assert value(metrics, "ingest_requests_total", registry="unknown", outcome="unauthorized") == 1


def test_a_reload_keeps_what_stays_and_drops_every_label_of_what_goes(metrics):
    metrics.configure(["main", "old"], [("argocd", "harbor"), ("old", "quay")])
    metrics.planned("argocd", 2)
    metrics.attempted("old", settled(State.DUE, Reason.REDIRECTED), Outcome(reason=Reason.OK), DELIVERY)
    metrics.configure(["main", "new"], [("argocd", "harbor"), ("new", "dtr")])
    labels = {item for _, one in read(metrics) for item in one}
    assert ("subscription", "old") not in labels
    assert ("registry", "old") not in labels
    assert {("subscription", "new"), ("registry", "new"), ("format", "dtr")} <= labels
    assert value(metrics, "deliveries_planned_total", subscription="argocd") == 2


def test_requests_to_a_registry_are_counted_and_timed_and_skipped_ones_are_only_counted(metrics):
    metrics.asked("main", Asked.OK, 0.25)
    metrics.asked("main", Asked.SKIPPED, 0.0)
    metrics.breaker("main", opened=True)
    assert value(metrics, "registry_requests_total", registry="main", outcome="ok") == 1
    assert value(metrics, "registry_requests_total", registry="main", outcome="skipped") == 1
    assert value(metrics, "registry_request_seconds_count", registry="main") == 1
    assert value(metrics, "registry_breaker_open", registry="main") == 1


def test_a_registry_that_is_no_longer_asked_loses_what_it_had_by_that(metrics):
    metrics.configure(["main"], [])
    assert not [name for name, _ in read(metrics) if name.startswith(f"{P}registry_")]
    assert value(metrics, "ingest_requests_total", registry="main", outcome="accepted") == 0


def test_a_subscription_that_changes_its_format_starts_again(metrics):
    metrics.planned("argocd", 2)
    metrics.configure(["main"], [("argocd", "quay")])
    assert value(metrics, "deliveries_planned_total", subscription="argocd") == 0
    assert ("format", "harbor") not in {item for _, labels in read(metrics) for item in labels}


def test_gauges_show_what_they_were_told(metrics):
    metrics.set_lane("argocd", backlog=12, oldest_due=3.5, paused=True, breaker_open=True)
    metrics.set_store(up=True, size=4096, wal=8192, disk_free=10**9)
    metrics.set_orphaned(2)
    metrics.set_lag(1.5)
    metrics.reloaded(success=True, now=5 * 10**9)
    assert value(metrics, "lane_backlog", subscription="argocd") == 12
    assert value(metrics, "oldest_due_seconds", subscription="argocd") == 3.5
    assert value(metrics, "lane_paused", subscription="argocd") == 1
    assert value(metrics, "breaker_open", subscription="argocd") == 1
    metrics.set_lane("argocd", backlog=12, oldest_due=3.5, paused=True)
    assert value(metrics, "breaker_open", subscription="argocd") == 0
    assert value(metrics, "store_up") == 1
    assert value(metrics, "store_size_bytes") == 4096
    assert value(metrics, "wal_size_bytes") == 8192
    assert value(metrics, "disk_free_bytes") == 10**9
    assert value(metrics, "subscriptions_orphaned") == 2
    assert value(metrics, "translator_lag_seconds") == 1.5
    assert value(metrics, "config_reload_success") == 1
    metrics.reloaded(success=False, now=9 * 10**9)
    assert value(metrics, "config_reload_success") == 0
    assert value(metrics, "config_reload_timestamp_seconds") == 5


def test_histograms_answer_the_questions_of_the_budget(metrics):
    """The ack is judged at 1 and 3 ms, and against the registry's own timeout of 1 s."""
    metrics.acknowledged(0.0009)
    metrics.acknowledged(2.0)
    metrics.committed(32, 0.004)
    assert value(metrics, "ack_seconds_bucket", le="0.0005") == 0
    assert value(metrics, "ack_seconds_bucket", le="0.001") == 1
    assert value(metrics, "ack_seconds_bucket", le="1.0") == 1
    assert value(metrics, "ack_seconds_bucket", le="+Inf") == 2
    assert value(metrics, "commit_batch_size_sum") == 32
    assert value(metrics, "commit_seconds_sum") == pytest.approx(0.004)


def test_the_scrape_says_its_type_and_the_build(metrics):
    body, content_type = metrics.render()
    assert content_type.startswith("text/plain; version=0.0.4")
    assert f'version="{__version__}"'.encode() in body
    assert b"_created" not in body
    body, content_type = metrics.render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def walk(state, **changes):
    return Walk(**{"id": 3, "registry": "main", "cause": Cause.SCHEDULE, "state": state, "started": 1, **changes})


def test_walks_are_shown_while_they_run_when_they_are_held_and_when_they_finished(metrics):
    def shown():
        return [value(metrics, f"walk_{name}", registry="main") for name in ("running", "held", "seen", "changes")]

    assert shown() == [0, 0, 0, 0]
    metrics.walked(walk(WalkState.WALKING, seen=7, changes=2))
    assert shown() == [1, 0, 7, 2]
    metrics.walked(walk(WalkState.HELD, seen=9, changes=600))
    assert shown() == [0, 1, 9, 600]
    metrics.walked(walk(WalkState.WALKING, id=4))  # a later walk looks again: the first one is still held
    assert shown() == [1, 1, 0, 0]
    assert value(metrics, "walk_finished_timestamp_seconds", registry="main") == 0
    metrics.walked(walk(WalkState.FINISHED, id=4, ended=90 * 10**9))
    assert shown() == [0, 0, 0, 0]
    assert value(metrics, "walk_finished_timestamp_seconds", registry="main") == 90
    metrics.walked(walk(WalkState.WALKING, registry="gone"))
    metrics.configure([], [])
    assert not [name for name, _ in read(metrics) if "walk_" in name]


def test_two_metrics_do_not_share_anything():
    Metrics().planned("a", 1)
    Metrics()


def test_what_is_made_through_apis_is_counted_by_format(metrics):
    """However many there are: their names would be labels without end."""
    metrics.subscribed([("argocd", "harbor"), ("api:harbor/1", "harbor"), ("api:native/2", "harbor")], {"api:native/2"})
    for name in ("argocd", "api:harbor/1", "api:native/2"):
        metrics.planned(name, 1)
        metrics.attempted(name, settled(State.DELIVERED, Reason.OK), Outcome(reason=Reason.OK), DELIVERY)
    assert value(metrics, "deliveries_planned_total", subscription="argocd") == 1
    assert value(metrics, "deliveries_planned_total", subscription="api:harbor") == 2
    labels = {"subscription": "api:harbor", "format": "harbor", "outcome": "delivered", "reason": "ok"}
    assert value(metrics, "deliveries_total", **labels) == 2
    assert value(metrics, "tls_unverified", subscription="api:harbor") == 1
    assert value(metrics, "tls_unverified", subscription="argocd") == 0
    metrics.subscribed([("argocd", "harbor")])
    assert not any(label[1].startswith("api:") for _, labels in read(metrics) for label in labels)
    metrics.planned("api:harbor/1", 1)  # it was removed while this was under way
    assert value(metrics, "deliveries_planned_total", subscription="argocd") == 1


def test_namespaces_come_and_go_with_their_quotas(metrics):
    metrics.set_usage([("main", "prj", 5, 10), ("main", "team", 7, 20)])
    assert value(metrics, "namespace_used_bytes", registry="main", namespace="prj") == 5
    assert value(metrics, "namespace_limit_bytes", registry="main", namespace="team") == 20
    metrics.set_usage([("main", "team", 8, 20)])
    told = [labels for name, labels in read(metrics) if name.startswith(P + "namespace_")]
    assert told == [frozenset({("registry", "main"), ("namespace", "team")})] * 2
    assert value(metrics, "namespace_used_bytes", registry="main", namespace="team") == 8
    metrics.set_usage([])
    assert not [name for name, _ in read(metrics) if name.startswith(P + "namespace_")]
