"""Every Prometheus metric of the gateway. Label sets are closed: config and code fill them, callers cannot."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import fsum, nan
from operator import attrgetter
from typing import Any, Literal, TypeVar, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from classifier.assessment import Assessment
from router import __version__
from router.core.types import Attempt, Deployment, Route
from router.record.ledger.counts import DropReason, Verdict
from router.record.record import STATIONS, RequestRecord
from router.record.tally import Tally, grouped

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_OVERHEAD = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1)
_NOVELTY = (0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1)
_WRITES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_SHARES = tuple(step / 20 for step in range(1, 21))

_KIND = attrgetter("route", "model", "reason", "outcome", "baseline")
_CALL = attrgetter("deployment", "model", "stage", "outcome")
"""Of requests and of calls: what is alike in these moves the same series."""

T = TypeVar("T")


class BatchedHistogram(Histogram):
    """A histogram that takes many values at once."""

    def observe_many(self, values: list[float]) -> None:
        """Come to what ``observe`` for each value comes to."""
        self._sum.inc(fsum(values))
        in_order, below = sorted(values), 0
        for bucket, bound in zip(self._buckets, self._upper_bounds, strict=True):
            up_to = bisect_right(in_order, bound)
            if up_to > below:
                bucket.inc(up_to - below)
            below = up_to


RenewalOutcome = Literal["renewed", "refused", "failed"]
"""``refused``: the config cannot be used; ``failed``: a worker could not be started with it."""


ReloadOutcome = Literal["loaded", "refused"]
"""``refused``: the artifact does not match itself or this release, and the old one stays."""


def renewals(registry: CollectorRegistry) -> Counter:
    """The one metric that the parent of several workers counts; they only show it, from 0 on."""
    counted = Counter("router_renewals", "Renewals of all workers by SIGHUP.", ("outcome",), registry=registry)
    for outcome in get_args(RenewalOutcome):
        counted.labels(outcome)
    return counted


class Metrics:
    """The metrics of one process, fed by records."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register everything; without the ``_created`` series, which double the number of series for nothing."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._tally = Tally(self._count)
        registry.register(self._tally)
        metric: dict[str, Any] = {"registry": registry}
        gauge: dict[str, Any] = {"registry": registry, "multiprocess_mode": "livemostrecent"}
        self.requests = Counter(
            "router_requests", "Requests by how they were answered.", ("route", "model", "reason", "outcome"), **metric
        )
        self.request_seconds = BatchedHistogram(
            "router_request_seconds", "Whole request.", ("route", "outcome"), buckets=_SECONDS, **metric
        )
        self.overhead_seconds = BatchedHistogram(
            "router_overhead_seconds", "Our own time by station.", ("station",), buckets=_OVERHEAD, **metric
        )
        self.first_token_seconds = BatchedHistogram(
            "router_time_to_first_token_seconds", "Arrival to first content.", ("route",), buckets=_SECONDS, **metric
        )
        self.attempts = Counter("router_attempts", "Upstream calls.", ("deployment", "outcome"), **metric)
        self.attempt_seconds = BatchedHistogram(
            "router_attempt_seconds", "One upstream call.", ("deployment", "outcome"), buckets=_SECONDS, **metric
        )
        self.tokens = Counter("router_tokens", "Tokens by model.", ("model", "direction"), **metric)
        self.cost = Counter("router_cost_usd", "Spend in US dollars.", ("route", "model", "stage"), **metric)
        self.unpriced = Counter("router_unpriced_calls", "Calls whose model has no known price.", ("model",), **metric)
        self.counterfactual = Counter(
            "router_counterfactual_cost_usd",
            "What the baseline would have cost; of requests with a call of unknown price, nothing.",
            ("route", "baseline"),
            **metric,
        )
        self.savings = Counter(
            "router_savings_usd",
            "Baseline's cost minus ours, request by request; what cannot be priced is left out.",
            ("route", "sign"),
            **metric,
        )
        self.complexity = BatchedHistogram(
            "router_complexity", "Complexity of routed prompts.", ("task",), buckets=_SHARES, **metric
        )
        self.complexity_reference = Gauge(
            "router_complexity_reference",
            "Share of the prompts that thresholds were chosen on whose complexity is at most `le`.",
            ("le",),
            **gauge,
        )
        self.novelty = BatchedHistogram(
            "router_novelty", "How unlike the training data prompts are.", buckets=_NOVELTY, **metric
        )
        self.novel = Counter("router_novel_prompts", "Prompts far from the training data.", **metric)
        self.classifier_failures = Counter("router_classifier_failures", "Prompts that got no assessment.", **metric)
        self.deployment_up = Gauge(
            "router_deployment_up",
            "1 where calls go there, 0 while a worker leaves it out.",
            ("deployment",),
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.cooldowns = Counter(
            "router_cooldowns",
            "Times a deployment was left out for a while, at first or after a failed probe.",
            ("deployment",),
            **metric,
        )
        self.in_flight = Gauge(
            "router_in_flight_requests",
            "Requests being served.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.build_info = Gauge("router_build_info", "What is running.", ("version", "classifier", "policy"), **gauge)
        self.fusion_runs = Counter("router_fusion_runs", "Runs of the panel.", ("mode", "outcome"), **metric)
        self.fusion_panelists = Counter(
            "router_fusion_panelists", "Members asked, by what became of them.", ("model", "outcome"), **metric
        )
        self.fusion_stage_seconds = BatchedHistogram(
            "router_fusion_stage_seconds",
            "Waiting for the panel and the judge.",
            ("stage",),
            buckets=_SECONDS,
            **metric,
        )
        self.fusion_agreement = BatchedHistogram(
            "router_fusion_agreement", "Share of candidates that say the same.", buckets=_SHARES, **metric
        )
        self.feedback = Counter("router_feedback", "Verdicts on answers, as they came.", ("route", "verdict"), **metric)
        self.ledger_rows = Counter("router_ledger_rows", "Requests written to the ledger.", **metric)
        self.ledger_dropped_rows = Counter(
            "router_ledger_dropped_rows", "Requests that the ledger lost.", ("reason",), **metric
        )
        self.ledger_queue_rows = Gauge(
            "router_ledger_queue_rows",
            "Requests waiting to be written to the ledger.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.ledger_unwritable = Gauge(
            "router_ledger_unwritable",
            "1 while the ledger cannot be written and rows wait in memory.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.ledger_write_seconds = BatchedHistogram(
            "router_ledger_write_seconds", "Writing one batch to the ledger.", buckets=_WRITES, **metric
        )
        self.ledger_size_bytes = Gauge("router_ledger_size_bytes", "What the ledger takes.", **gauge)
        for reason in get_args(DropReason):
            self.ledger_dropped_rows.labels(reason)  # shown as 0, so that the first drop is an increase
        renewals(registry)
        self.artifact_reloads = Counter(
            "router_artifact_reloads", "Artifacts read while the gateway runs.", ("outcome",), **metric
        )
        for outcome in get_args(ReloadOutcome):
            self.artifact_reloads.labels(outcome)
        self._in_flight_now: Callable[[], int] = lambda: 0
        for route in get_args(Route):
            for verdict in get_args(Verdict):
                self.feedback.labels(route, verdict)
        self._described: tuple[str, ...] = ()
        self._has_reference = False
        self._children: dict[tuple[str, ...], Any] = {}

    def observe(self, record: RequestRecord) -> None:
        """Count one finished request: its series have it before anybody looks at them."""
        self._tally.add(record)

    async def keep_handing_over(self, every_s: float = 0.5) -> None:
        """For a worker among several, whose scrapes another one may answer: hand over again and again."""
        while True:
            await asyncio.sleep(every_s)
            self._tally.flush()

    def hand_over(self) -> None:
        """Let the series have all that has been counted; a scrape of this process does so by itself."""
        self._tally.flush()

    def watch(self, in_flight: Callable[[], int]) -> None:
        """Take who knows how many requests are being served."""
        self._in_flight_now = in_flight

    def introduce(self, deployment: Deployment) -> None:
        """Begin a deployment's series at nothing: Prometheus sees only growth, never what a series was born with."""
        self.deployment_up.labels(deployment.name).set(1)
        self._child("cooldowns", deployment.name)
        self._child("unpriced", deployment.model)

    def describe(self, classifier: str, policy: str, reference: Mapping[str, Any] | None = None) -> None:
        """Say what is running, and the artifact's ``complexity_reference``; after a reload the old description is 0."""
        if self._described:
            self.build_info.labels(*self._described).set(0)
        self._described = (__version__, classifier, policy)
        self.build_info.labels(*self._described).set(1)
        known = dict(zip(reference["edges"], reference["at_most"], strict=True)) if reference else {}
        if known or self._has_reference:
            self._has_reference = True
            for edge in _SHARES:
                self.complexity_reference.labels(str(edge)).set(known.get(edge, nan))

    def show_health(self, deployment: str, up: bool) -> None:
        """Say that a deployment came back, or is left out, at first or after a failed probe."""
        self.deployment_up.labels(deployment).set(up)
        if not up:
            self._child("cooldowns", deployment).inc()

    def count_reload(self, outcome: ReloadOutcome) -> None:
        """A new artifact was read while the gateway runs."""
        self.artifact_reloads.labels(outcome).inc()

    def count_feedback(self, route: str | None, verdict: str) -> None:
        """A verdict was given on a request."""
        self._child("feedback", route or "none", verdict).inc()

    def count_ledger_rows(self, rows: int, seconds: float) -> None:
        """A batch was written to the ledger."""
        self.ledger_rows.inc(rows)
        self.ledger_write_seconds.observe(seconds)

    def count_ledger_drops(self, reason: DropReason, rows: int) -> None:
        """Rows were lost, or their texts."""
        self._child("ledger_dropped_rows", reason).inc(rows)

    def show_ledger_queue(self, rows: int) -> None:
        """So many rows are waiting."""
        self.ledger_queue_rows.set(rows)

    def show_ledger_unwritable(self, unwritable: bool) -> None:
        """The database takes no rows, or takes them again."""
        self.ledger_unwritable.set(unwritable)

    def show_ledger_size(self, size_bytes: int) -> None:
        """So large is the ledger."""
        self.ledger_size_bytes.set(size_bytes)

    def _count(self, records: Sequence[RequestRecord]) -> None:
        """Let the series have what these requests come to; requests of one kind move them together."""
        for (route, model, reason, outcome, baseline), alike in grouped(records, _KIND).items():
            route = route or "none"
            self._child("requests", route, model or "none", reason or "none", outcome).inc(len(alike))
            self._add([record.duration_s for record in alike], "request_seconds", route, outcome)
            self._add(_known([record.first_token_s for record in alike]), "first_token_seconds", route)
            beside = [record.baseline_cost_usd for record in alike if record.savings_usd is not None]
            self._add(_known(beside), "counterfactual", route, baseline)
            saved = _known([record.savings_usd for record in alike if record.attempts])
            self._add([usd for usd in saved if usd >= 0], "savings", route, "saved")
            self._add([-usd for usd in saved if usd < 0], "savings", route, "overspent")
            self._count_attempts(route, [attempt for record in alike for attempt in record.attempts])
        for station in STATIONS:
            spent = [record.overhead_s.get(station, 0.0) for record in records]
            self._add([seconds for seconds in spent if seconds], "overhead_seconds", station)
        decisions = [record.decision for record in records if record.decision is not None]
        self._count_assessments([each.assessment for each in decisions if each.assessment is not None])
        self.novel.inc([decision.is_novel for decision in decisions].count(True))
        self.classifier_failures.inc([record.classifier_failed for record in records].count(True))
        for record in records:
            if record.fusion is not None:
                self._observe_fusion(record.fusion, record.outcome)
        self.in_flight.set(self._in_flight_now())

    def _count_attempts(self, route: str, attempts: Sequence[Attempt]) -> None:
        for (deployment, model, stage, outcome), alike in grouped(attempts, _CALL).items():
            self._child("attempts", deployment, outcome).inc(len(alike))
            self._add([attempt.duration_s for attempt in alike], "attempt_seconds", deployment, outcome)
            billed = [attempt for attempt in alike if attempt.usage is not None]
            usages = _known([attempt.usage for attempt in billed])
            self._add_tokens([usage.input_tokens for usage in usages], model, "input")
            self._add_tokens([usage.output_tokens for usage in usages], model, "output")
            self._add_tokens([usage.cached_tokens for usage in usages], model, "cached")
            self._add_tokens([usage.reasoning_tokens for usage in usages], model, "reasoning")
            priced = _known([attempt.cost_usd for attempt in billed])
            self._add(priced, "cost", route, model, stage)
            if len(priced) < len(billed):
                self._child("unpriced", model).inc(len(billed) - len(priced))

    def _count_assessments(self, assessments: Sequence[Assessment]) -> None:
        for (task,), alike in grouped(assessments, lambda assessment: (assessment.task,)).items():
            self._add([assessment.complexity for assessment in alike], "complexity", task)
        self._add([assessment.novelty for assessment in assessments], "novelty")

    def _add_tokens(self, counts: list[int], model: str, direction: str) -> None:
        if any(counts):
            self._child("tokens", model, direction).inc(sum(counts))

    def _add(self, values: list[float], name: str, *labels: str) -> None:
        """Let a series have values, if there are any: one that has none is not begun."""
        if not values:
            return
        child = self._child(name, *labels)
        if isinstance(child, BatchedHistogram):
            child.observe_many(values)
        else:
            child.inc(fsum(values))

    def _observe_fusion(self, run: Mapping[str, Any], outcome: str) -> None:
        if run["status"] != "failed" or outcome != "aborted":  # hung up on, a run came to nothing, but did not fail
            self._child("fusion_runs", run["mode"], run["status"]).inc()
        for panelist in run["panel"]:
            self._child("fusion_panelists", panelist["model"], panelist["status"]).inc()
        self._child("fusion_stage_seconds", "panel").observe(run["panel_ms"] / 1000)
        if run["judge_ms"]:
            self._child("fusion_stage_seconds", "judge").observe(run["judge_ms"] / 1000)
        if run["agreement"] is not None:
            self.fusion_agreement.observe(run["agreement"])

    def _child(self, name: str, *labels: str) -> Any:
        """A labelled child, looked up once: ``labels()`` itself costs microseconds each time.

        Labels come from config and code only, so the table is as bounded as the metrics are.
        """
        key = (name, *labels)
        child = self._children.get(key)
        if child is None:
            metric = getattr(self, name)
            child = self._children[key] = metric.labels(*labels) if labels else metric
        return child


def _known(values: Iterable[T | None]) -> list[T]:
    return [value for value in values if value is not None]
