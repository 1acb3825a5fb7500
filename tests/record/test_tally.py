"""Values that wait for their series: nothing is lost, and a scrape sees everything."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from router.core.types import Attempt, Deployment, Price, Usage
from router.record.metrics import BatchedHistogram, Metrics
from router.record.record import Draft, Texts
from router.record.tally import MAX_WAITING

BASELINE = Deployment("strong", "openai/strong", Price(5e-6, 25e-6))
BOUNDS = (0.1, 0.5, 1)


def samples(registry: CollectorRegistry) -> dict[str, float]:
    return {
        sample.name + "".join(f"|{value}" for value in sample.labels.values()): sample.value
        for metric in registry.collect()
        for sample in metric.samples
    }


def answered(number: int) -> Any:
    call = Attempt("small", "openai/small", "answer", "ok", number / 100, Usage(10, 5), 0.001)
    return Draft("req_1", 0.0, "chat/completions", BASELINE, "1", route="small", attempts=[call]).finish("ok", 0.2)


@given(st.lists(st.one_of(st.floats(-1, 3), st.sampled_from([0.0, 0.1, 0.5, 1.0]))))
def test_many_values_at_once_come_to_what_they_come_to_one_by_one(values: list[float]) -> None:
    one_by_one, at_once = CollectorRegistry(), CollectorRegistry()
    plain = Histogram("seconds", "…", buckets=BOUNDS, registry=one_by_one)
    BatchedHistogram("seconds", "…", buckets=BOUNDS, registry=at_once).observe_many(values)
    for value in values:
        plain.observe(value)
    expected, got = samples(one_by_one), samples(at_once)
    assert set(got) == set(expected)
    assert all(abs(got[name] - expected[name]) < 1e-9 for name in expected if "created" not in name)


def test_every_request_is_in_the_next_scrape_and_in_it_once() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for total in (1, 2, 2 + MAX_WAITING, 2 + 3 * MAX_WAITING):
        name = "router_requests_total|small|openai/small|none|ok"
        for number in range(total - int(samples(registry).get(name, 0))):
            metrics.observe(answered(number))
        for _ in range(2):
            got = samples(registry)
            assert got[name] == got["router_attempt_seconds_count|small|ok"] == total
            assert got["router_tokens_total|openai/small|input"] == 10 * total
            assert abs(got["router_cost_usd_total|small|openai/small|answer"] - 0.001 * total) < 1e-9


def test_a_gateway_that_nobody_scrapes_keeps_a_bounded_number_of_requests() -> None:
    metrics = Metrics(CollectorRegistry())
    for number in range(5 * MAX_WAITING + 3):
        metrics.observe(answered(number))
        assert len(metrics._tally._waiting) < MAX_WAITING


def test_no_text_waits_with_its_request() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.observe(replace(answered(1), texts=Texts("a prompt", "", "an answer")))
    assert [record.texts for record in metrics._tally._waiting] == [None]


def test_the_requests_being_served_are_counted_when_somebody_looks() -> None:
    registry = CollectorRegistry()
    metrics, now = Metrics(registry), [3]
    metrics.watch(lambda: now[0])
    assert samples(registry)["router_in_flight_requests"] == 3
    now[0] = 0
    assert samples(registry)["router_in_flight_requests"] == 0
