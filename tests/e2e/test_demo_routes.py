"""The demo shows what the gateway is for: easy prompts stay small, research-grade ones go to the panel."""

from collections import Counter

import orjson
import pytest

from router.app import build_services
from router.commands.demo import MARK, PROMPTS, Row, _line, _print_totals
from router.commands.settings import DEMO_CONFIG
from router.config.load import load_settings
from router.consider import consider
from router.core.request import ModelRequest


@pytest.mark.parametrize(("expected", "least"), [("small", 0.75), ("fusion", 0.7)])
def test_most_of_the_demos_prompts_go_where_it_says_they_go(expected: str, least: float) -> None:
    services, _ = build_services(load_settings(DEMO_CONFIG, {}))
    prompts = [orjson.loads(line) for line in PROMPTS.read_bytes().splitlines() if line.strip()]
    routes = Counter(
        consider(services, ModelRequest({"messages": prompt["messages"]}, "auto")).decision.route
        for prompt in prompts
        if prompt["expect"] == expected
    )
    assert routes[expected] >= least * routes.total(), routes


def test_what_went_elsewhere_than_its_author_expected_is_marked_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    facts = {"complexity": 0.2, "model": "x/a", "reason": "below_threshold", "cost_usd": 0.1, "baseline_cost_usd": 0.2}
    went = [("small", "small"), ("strong", "strong"), ("strong", "small"), ("small", "strong"), ("small", "strong")]
    rows = [Row("", {**facts, "route": route}, expected) for expected, route in went]
    rows.append(Row("unanswered", {}, "small", "it failed"))
    assert [MARK in _line(row) for row in rows] == [False, False, True, True, True, False]
    _print_totals(rows, "x/a")
    said = capsys.readouterr().out
    assert (
        "2 went where the prompts' author expected, 3 did not (*): 1 to small for strong, 2 to strong for small" in said
    )
