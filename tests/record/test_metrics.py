"""Every metric moves when it should, by what it should, and its labels stay closed."""

import math
from typing import Any

import pytest
from openai import OpenAI
from prometheus_client import CollectorRegistry

from classifier.artifact import DEFAULT_PATH, read_manifest
from classifier.assessment import Assessment, Assessor
from router.core.types import Attempt, Deployment, Price, Usage
from router.record.metrics import Metrics
from router.record.record import Draft, facts
from tests.live import POOL, gateway
from training.calibrate import REFERENCE_EDGES

DEFAULT = read_manifest(DEFAULT_PATH)
BASELINE = Deployment("strong", "scripted/strong", Price(5e-6, 25e-6))
HI: list[Any] = [{"role": "user", "content": "hi"}]


def draft(**more: Any) -> Draft:
    made = Draft("req_1", 0.0, "chat/completions", BASELINE, "1")
    for name, value in more.items():
        setattr(made, name, value)
    return made


def attempt(outcome: str = "ok", usage: Usage | None = None, cost: float | None = None, **more: Any) -> Attempt:
    return Attempt("small", "scripted/small", more.get("stage", "answer"), outcome, 0.5, usage, cost)


def samples(registry: CollectorRegistry) -> dict[str, float]:
    return {
        sample.name + "".join(f"|{value}" for value in sample.labels.values()): sample.value
        for metric in registry.collect()
        for sample in metric.samples
    }


def test_a_retried_request_counts_every_call_and_the_counterfactual_only_the_answer() -> None:
    lost = attempt("upstream_empty", Usage(100, 0, estimated=True), 0.00001, stage="answer")
    won = attempt("ok", Usage(100, 20, cached_tokens=40, reasoning_tokens=5), 0.00002, stage="retry")
    record = draft(route="small", reason="below_threshold", attempts=[lost, won]).finish("ok", 1.0)
    registry = CollectorRegistry()
    Metrics(registry).observe(record)
    got = samples(registry)
    assert record.cost_usd == pytest.approx(0.00003, abs=1e-12)
    assert record.baseline_cost_usd == pytest.approx(100 * 5e-6 + 20 * 25e-6, abs=1e-12)
    assert got["router_cost_usd_total|small|scripted/small|answer"] == pytest.approx(0.00001)
    assert got["router_cost_usd_total|small|scripted/small|retry"] == pytest.approx(0.00002)
    assert got["router_tokens_total|scripted/small|input"] == 200
    assert got["router_tokens_total|scripted/small|cached"] == 40
    assert got["router_tokens_total|scripted/small|reasoning"] == 5
    assert got["router_counterfactual_cost_usd_total|small|scripted/strong"] == pytest.approx(0.001)
    assert got["router_attempts_total|small|upstream_empty"] == 1
    assert got["router_attempt_seconds_sum|small|ok"] == 0.5


def test_an_unpriced_call_is_unpriced_and_never_free() -> None:
    record = draft(route="small", attempts=[attempt(usage=Usage(10, 5))]).finish("ok", 1.0)
    assert record.unpriced
    assert record.cost_usd is None
    registry = CollectorRegistry()
    Metrics(registry).observe(record)
    got = samples(registry)
    assert got["router_unpriced_calls_total|scripted/small"] == 1
    assert not any(name.startswith("router_cost_usd_total") for name in got)
    assert record.baseline_cost_usd is not None
    compared = [name for name in got if name.startswith(("router_counterfactual", "router_savings_usd_total"))]
    assert not any(got[name] for name in compared), "a side without the other would be compared with nothing"


def test_a_call_that_cannot_have_cost_anything_is_neither_priced_nor_unpriced() -> None:
    made = draft(attempts=[attempt("upstream_unreachable")])
    assert not made.bill.unpriced
    assert made.bill.cost_usd is None


def test_a_request_that_failed_early_still_counts_once() -> None:
    registry = CollectorRegistry()
    Metrics(registry).observe(draft().finish("invalid_request", 0.01))
    got = samples(registry)
    assert got["router_requests_total|none|none|none|invalid_request"] == 1
    assert not [name for name in got if name.startswith("router_savings_usd_total")], "nothing was bought"


def test_savings_are_signed_and_count_what_failed_as_spent_for_nothing() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    used = Usage(100, 20)
    for route, outcome, cost in (("small", "ok", 0.0001), ("fusion", "ok", 0.004), ("small", "upstream_error", 0.0002)):
        metrics.observe(draft(route=route, attempts=[attempt(outcome, used, cost)]).finish(outcome, 1.0))
    got = samples(registry)
    assert got["router_savings_usd_total|small|saved"] == pytest.approx(0.001 - 0.0001)
    assert got["router_savings_usd_total|fusion|overspent"] == pytest.approx(0.004 - 0.001)
    assert got["router_savings_usd_total|small|overspent"] == pytest.approx(0.0002)


def test_what_cannot_be_compared_is_in_no_saving() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    unpriced = draft(route="small", attempts=[attempt("ok", Usage(100, 20), None)])
    no_chat = draft(endpoint="embeddings", route="direct", attempts=[attempt("ok", Usage(100, 0), 0.00001)])
    no_baseline = draft(baseline=Deployment("b", "b/b"), route="small", attempts=[attempt("ok", Usage(9, 9), 0.001)])
    for made in (unpriced, no_chat, no_baseline):
        assert made.bill.savings_usd is None
        metrics.observe(made.finish("ok", 1.0))
    assert no_chat.bill.baseline_cost_usd is None
    assert not [name for name in samples(registry) if name.startswith("router_savings_usd_total")]


def test_each_cooldown_is_counted_a_longer_one_too_and_a_recovery_is_not() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.introduce(BASELINE)
    assert samples(registry)["router_cooldowns_total|strong"] == 0
    assert samples(registry)["router_unpriced_calls_total|scripted/strong"] == 0
    for up in (False, False, True):
        metrics.show_health("strong", up)
    assert samples(registry)["router_cooldowns_total|strong"] == 2
    assert samples(registry)["router_deployment_up|strong"] == 1


def test_the_reference_has_the_buckets_of_the_histogram_and_goes_with_the_artifact() -> None:
    reference = DEFAULT.complexity_reference
    assert reference is not None
    assert list(reference["edges"]) == list(REFERENCE_EDGES)
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.describe("a@1:0", "1", reference)
    got = samples(registry)
    metrics.complexity.labels("chat").observe(0.5)
    buckets = {name.rpartition("|")[2] for name in samples(registry) if name.startswith("router_complexity_bucket")}
    shown = {name.rpartition("|")[2]: got[name] for name in got if name.startswith("router_complexity_reference")}
    assert shown.keys() == buckets - {"+Inf"}
    assert list(shown.values()) == reference["at_most"]
    metrics.describe("b@1:0", "1", None)
    assert math.isnan(samples(registry)["router_complexity_reference|1.0"])


def test_the_facts_of_an_empty_record_are_all_unknown() -> None:
    assert facts(draft())["complexity"] is None


class Broken(Assessor):
    artifact = "broken@0:0"

    def assess(self, text: str, context: str = "", instructions: str = "", *, explain: bool = False) -> Assessment:
        raise RuntimeError("no")


def test_a_failing_classifier_costs_no_request_and_is_counted() -> None:
    with gateway(POOL) as live, OpenAI(base_url=f"{live.url}/v1", api_key="x", max_retries=0) as client:
        live.front.services.assessor = Broken()
        raw = client.chat.completions.with_raw_response.create(model="auto", messages=HI)
        assert raw.headers["x-router-route"] == "strong"
        assert raw.headers["x-router-reason"] == "classifier_unavailable"
        assert "x-router-complexity" not in raw.headers
        assert live.record(raw.headers["x-router-request-id"]).classifier_failed
    registry = CollectorRegistry()
    Metrics(registry).observe(draft(classifier_failed=True).finish("ok", 1.0))
    assert samples(registry)["router_classifier_failures_total"] == 1


def test_hostile_names_make_no_new_series() -> None:
    with gateway(POOL) as live, OpenAI(base_url=f"{live.url}/v1", api_key="x", max_retries=0) as client:
        http = client._client
        for index in range(200):
            http.post(
                f"{live.url}/v1/chat/completions", json={"model": f"m{index}", "messages": HI, "user": f"u{index}"}
            )
        assert {(record.route, record.model, record.outcome) for record in live.records} == {
            (None, None, "model_not_found")
        }
