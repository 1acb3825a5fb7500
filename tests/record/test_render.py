"""What a reply says of its request: one bill for headers, body and record, and no half sums."""

from typing import Any

import pytest

from router.core.cost import call_cost_usd
from router.core.types import Attempt, Deployment, Price, Usage
from router.record.record import Draft
from router.record.render import usage_of, whole_body

BASELINE = Deployment("strong", "openai/strong", Price(5e-6, 25e-6))


def draft(*attempts: Attempt) -> Draft:
    return Draft("req_1", 0.0, "chat/completions", BASELINE, "1", attempts=list(attempts))


def call(cost_usd: float | None, usage: Usage | None, outcome: str = "ok") -> Attempt:
    return Attempt("small", "openai/small", "answer", outcome, 0.1, usage, cost_usd)


def test_the_cost_of_a_request_with_an_unpriced_call_is_left_open_and_the_known_part_is_said_to_be_a_part() -> None:
    made = draft(call(0.001, Usage(100, 10), "upstream_empty"), call(None, Usage(100, 20)))
    body: dict[str, Any] = whole_body({"usage": {"prompt_tokens": 100, "completion_tokens": 20}}, made)
    assert body["usage"]["cost"] is None
    assert body["usage"]["prompt_tokens"] == 200
    assert (body["router"]["cost_usd"], body["router"]["unpriced"]) == (0.001, True)


def test_a_call_that_cannot_have_cost_anything_leaves_no_doubt_about_the_others() -> None:
    made = draft(call(None, None, "upstream_unreachable"), call(0.002, Usage(100, 20)))
    assert usage_of(made, None)["cost"] == 0.002


def test_a_bill_follows_the_calls_that_are_added_after_it_was_asked_for() -> None:
    made = draft(call(0.001, Usage(100, 0), "upstream_empty"))
    assert (made.bill.cost_usd, made.bill.baseline_cost_usd, made.bill.savings_usd) == (0.001, None, -0.001)
    made.attempts.append(call(0.002, Usage(100, 20)))
    assert made.bill.cost_usd == 0.003
    assert made.bill.baseline_cost_usd == pytest.approx(0.001)
    assert made.finish("ok", 1.0).savings_usd == made.bill.savings_usd == pytest.approx(-0.002)


@pytest.mark.parametrize("kinds", [{}, {"cached_tokens": 50}, {"reasoning_tokens": 7}, {"cache_write_tokens": 9}])
def test_the_short_way_to_a_price_and_the_general_rule_agree(kinds: dict[str, int]) -> None:
    flat = Price(0.15e-6, 0.6e-6, cached_input=0.15e-6, cache_write=0.15e-6, reasoning=0.6e-6)
    assert call_cost_usd(Usage(1_234, 567, **kinds), flat) == call_cost_usd(Usage(1_234, 567), flat)
