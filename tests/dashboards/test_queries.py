"""Against a real Prometheus that scrapes real gateways: every query gives data, and totals are exact to the cent."""

import re
import sqlite3
from math import isfinite

import pytest
import yaml

from dashboards.build import BOARDS
from dashboards.cost import SPEND
from dashboards.panel import Panel
from dashboards.promql import total
from tests.dashboards.conftest import Run
from tests.dashboards.processes import DASHBOARDS

CENT = 0.01
PANELS = [pytest.param(panel, id=panel.title) for board in BOARDS for panel in board.panels]
RULES = [
    pytest.param(rule, id=f"{rule.get('record') or rule['alert']} {rule.get('labels', {}).get('bin', '')}".strip())
    for name in ("recording", "alerts")
    for group in yaml.safe_load((DASHBOARDS / "rules" / f"{name}.yml").read_text())["groups"]
    for rule in group["rules"]
]


@pytest.mark.parametrize("panel", PANELS)
def test_every_query_of_a_panel_gives_data(run: Run, panel: Panel) -> None:
    for query in panel.queries:
        found = run.stage.asked.ask(query.expr)
        assert found, query.expr
        assert all(isfinite(float(sample["value"][1])) for sample in found), found
        wanted = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
        assert all(wanted <= sample["metric"].keys() for sample in found), (query, found)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_gives_data(run: Run, rule: dict[str, str]) -> None:
    """Of an alert, what it compares: with ``bool`` a comparison gives 0 or 1 where it would give nothing."""
    expr = re.sub(r"(?<=\s)(>|<|==)(?=\s)", r"\1 bool", rule["expr"]) if "alert" in rule else rule["expr"]
    assert run.stage.asked.ask(expr), expr


def test_prometheus_evaluates_every_rule_without_a_complaint(run: Run) -> None:
    rules = run.stage.asked.rules()
    assert len(rules) == len(RULES)
    assert {rule["health"] for rule in rules} == {"ok"}
    assert not [rule["lastError"] for rule in rules if rule.get("lastError")]


def panel(title: str) -> str:
    (found,) = (panel for board in BOARDS for panel in board.panels if panel.title == title)
    return found.queries[0].expr


def of(run: Run, expr: str) -> str:
    """A query about the gateway of two workers alone."""
    return expr.replace("$instance", run.stage.instance)


def test_totals_of_two_workers_are_the_sums_of_what_the_answers_said(run: Run) -> None:
    def shown(title: str) -> float:
        return run.stage.asked.number(of(run, panel(title)))

    both = (run.first, run.second)
    assert shown("What did we spend?") == pytest.approx(sum(part.cost_usd for part in both), abs=CENT / 100)
    assert shown("What would the baseline have cost?") == pytest.approx(
        sum(part.baseline_usd for part in both), abs=CENT / 100
    )
    assert shown("What did we save?") == pytest.approx(sum(part.savings_usd for part in both), abs=CENT / 100)
    assert shown("How many calls could not be priced?") == sum(part.unpriced for part in both) > 0
    rows = run.stage.asked.ask(of(run, panel("Which model answered how many requests, on which route and why?")))
    assert sum(float(row["value"][1]) for row in rows) == sum(part.requests for part in both)


def test_a_range_that_begins_in_the_middle_counts_what_came_after(run: Run) -> None:
    assert run.stage.asked.at_s is not None
    range_s = round(run.stage.asked.at_s - run.middle_s)
    at_s = run.middle_s + range_s
    spent = {
        row["metric"]["route"]: float(row["value"][1])
        for row in run.stage.asked.ask(of(run, total(SPEND, "route")), range_s, at_s)
    }
    for route in ("small", "strong", "fusion"):
        assert spent[route] == pytest.approx(run.second.spent_by_route[route], abs=CENT / 100), route
    requests = run.stage.asked.number(of(run, total("router_requests_total")), range_s, at_s)
    assert requests == run.second.requests


def test_totals_are_the_ledgers(run: Run) -> None:
    with sqlite3.connect(f"file:{run.stage.ledger}?mode=ro", uri=True) as ledger:
        (requests, spent, baseline, saved), *_ = ledger.execute(
            "SELECT count(*), sum(cost_usd), sum(baseline_cost_usd) FILTER (WHERE savings_usd IS NOT NULL), "
            "sum(savings_usd) FROM requests"
        )
        by_stage = dict(ledger.execute("SELECT stage, sum(cost_usd) FROM calls GROUP BY stage"))
    assert requests == run.first.requests + run.second.requests
    assert run.stage.asked.number(of(run, panel("What did we spend?"))) == pytest.approx(spent, abs=CENT / 100)
    assert run.stage.asked.number(of(run, panel("What would the baseline have cost?"))) == pytest.approx(
        baseline, abs=CENT / 100
    )
    assert run.stage.asked.number(of(run, panel("What did we save?"))) == pytest.approx(saved, abs=CENT / 100)
    for row in run.stage.asked.ask(of(run, total(SPEND, "stage"))):
        assert float(row["value"][1]) == pytest.approx(by_stage[row["metric"]["stage"]], abs=CENT / 100)
    assert run.stage.asked.number(of(run, total("router_ledger_rows_total"))) == requests


def test_verdicts_are_counted_by_the_route_they_are_about(run: Run) -> None:
    for (route, verdict), count in run.said.items():
        where = f'route="{route}", verdict="{verdict}"'
        assert run.stage.asked.number(of(run, total("router_feedback_total", where=where))) == count
    small = {verdict: count for (route, verdict), count in run.said.items() if route == "small"}
    weak = (small.get("underpowered", 0) + small.get("failed", 0)) / sum(small.values())
    assert run.stage.asked.number(of(run, panel("How often was the small model too weak?"))) == pytest.approx(weak)


def test_both_workers_have_served_and_their_counts_are_added(run: Run) -> None:
    from prometheus_client.mmap_dict import MmapedDict

    served = []
    for path in run.stage.counts.glob("counter_*.db"):
        values = MmapedDict.read_all_values_from_file(str(path))
        served.append(sum(value for key, value, *_ in values if '"router_requests_total"' in key))
    assert len([count for count in served if count]) == 2, "their parent counts renewals only"
    assert sum(served) == run.stage.asked.number(of(run, total("router_requests_total")))


def test_the_traffic_was_mixed(run: Run) -> None:
    both = (run.first, run.second)
    assert {route for part in both for route in part.by_route} >= {"small", "strong", "fusion", "direct", "none"}
    assert {ending for part in both for ending in part.fusion} >= {"judged", "agreed", "degraded"}
    outcomes = {outcome for part in both for outcome in part.outcomes}
    assert outcomes >= {"ok", "model_not_found", "invalid_request", "upstream_error", "upstream_rate_limited"}
    for metric in ("novel_prompts", "classifier_failures", "cooldowns", "unpriced_calls"):
        assert run.stage.asked.number(total(f"router_{metric}_total")) > 0, metric
    late = run.stage.asked.ask(total("router_fusion_panelists_total", "outcome"))
    assert {row["metric"]["outcome"] for row in late} >= {"ok", "error", "late"}
