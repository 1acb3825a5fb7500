"""What is committed is what the code builds, and dashboards, rules and metrics know each other in both directions."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client import CollectorRegistry

from dashboards.build import BOARDS, FOLDER, files
from dashboards.health import FAILED, OURS
from dashboards.panel import WIDTH, Board, Panel
from router.errors import GatewayError, UpstreamError
from router.record.ledger.savings import CPU_USD_PER_HOUR
from router.record.metrics import Metrics
from tests.dashboards.processes import DASHBOARDS

PANELS = [pytest.param(panel, id=panel.title) for board in BOARDS for panel in board.panels]
UNITS = {"short", "currencyUSD", "percentunit", "s", "reqps", "ops", "bytes", "suffix:×"}
FOREIGN = {"up"}
"""Prometheus makes it itself: whether a target could be scraped."""


def rules() -> Iterator[dict[str, Any]]:
    for name in ("recording", "alerts"):
        for group in yaml.safe_load((DASHBOARDS / "rules" / f"{name}.yml").read_text())["groups"]:
            yield from group["rules"]


def expressions() -> list[str]:
    return [query.expr for board in BOARDS for panel in board.panels for query in panel.queries] + [
        rule["expr"] for rule in rules()
    ]


def sample_names() -> set[str]:
    """Every name that the gateway's metrics have in Prometheus."""
    registry = CollectorRegistry()
    Metrics(registry)
    names = set()
    for metric in registry.collect():
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}[metric.type]
        names |= {metric.name + ending for ending in endings}
    return names


def used_names() -> set[str]:
    return {name for expr in expressions() for name in re.findall(r"\b(router_\w+)", expr)}


def test_the_committed_dashboards_are_what_the_code_builds() -> None:
    built = files()
    assert set(FOLDER.iterdir()) == built.keys()
    for path, text in built.items():
        assert path.read_text(encoding="utf-8") == text, "run: python -m dashboards.build"


def test_failures_counted_against_us_are_all_errors_but_those_that_blame_the_request() -> None:
    def said(error: type[GatewayError]) -> Iterator[type[GatewayError]]:
        yield error
        for kind in error.__subclasses__():
            yield from said(kind)

    meant, unmeant = re.findall(r'outcome(?:=~|!=)"([^"]*)"', OURS)
    (alert,) = (rule["expr"] for rule in rules() if rule.get("alert") == "RouterErrors")
    assert OURS in alert
    errors = [error for error in said(GatewayError) if error.code != "ledger_unavailable"]  # no model was asked for
    ours = {error.code for error in errors if re.fullmatch(meant, error.code) and error.code != unmeant}
    assert ours == {error.code for error in errors if error.status >= 500 or error.status == 429}
    unfit = re.findall(r'outcome!~"([^"]*)"', FAILED)[0].split("|")
    assert set(unfit) == {"ok", "aborted", "out_of_files"} | {
        error.code for error in said(UpstreamError) if error.status == 400
    }


def test_every_metric_that_is_asked_for_exists() -> None:
    assert used_names() - sample_names() == set()


def test_every_metric_that_exists_is_shown_somewhere() -> None:
    def base(name: str) -> str:
        return re.sub(r"_(bucket|sum|count)$", "", name)

    shown = {base(name) for name in used_names()}
    assert {base(name) for name in sample_names()} - shown == set()


def test_every_recorded_series_is_used_and_every_used_one_is_recorded() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = {name for expr in expressions() for name in re.findall(r"\brouter:[\w:]+", expr)}
    assert used == recorded


def test_a_core_costs_the_same_on_dashboards_and_in_the_savings_command() -> None:
    (rule,) = (rule for rule in rules() if rule.get("record") == "router:cpu_price_usd_per_second")
    assert rule["expr"] == f"vector({CPU_USD_PER_HOUR} / 3600)"


def test_every_label_that_is_asked_for_exists() -> None:
    known = {
        label for metric in vars(Metrics(CollectorRegistry())).values() for label in getattr(metric, "_labelnames", ())
    }
    known |= {"job", "instance", "le", "bin"}
    for expr in expressions():
        for listed in re.findall(r"(?:by|on|group_left) \(([\w, ]*)\)", expr):
            assert {name.strip() for name in listed.split(",") if name.strip()} <= known, expr
        assert set(re.findall(r'(\w+)(?:=~|!~|!=|=)"', expr)) <= known, expr


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_is_titled_with_a_question_and_has_a_unit(panel: Panel) -> None:
    assert panel.title.endswith("?")
    assert panel.says.endswith(".")
    assert panel.unit in UNITS
    assert panel.unit != "short" or panel.kind in ("stat", "bars", "table", "heatmap") or panel.axis
    assert 0 < panel.width <= WIDTH


@pytest.mark.parametrize("panel", PANELS)
def test_every_query_keeps_to_the_chosen_job_and_instances(panel: Panel) -> None:
    for query in panel.queries:
        for name, labels in re.findall(r"\b(router_\w+|router:[\w:]+|up)\b(\{[^}]*\})?", query.expr):
            if name != "router:cpu_price_usd_per_second":  # a price, the same for all
                assert 'job=~"$job"' in labels, query.expr
            assert ":" in name or 'instance=~"$instance"' in labels, query.expr


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_a_dashboard_is_one_that_grafana_can_load(board: Board) -> None:
    loaded = json.loads((FOLDER / f"{board.name}.json").read_text(encoding="utf-8"))
    register_default_plugins()
    assert json.loads(json.dumps(Dashboard.from_json(loaded), cls=JSONEncoder)) == loaded, (
        "as Grafana's own model reads it"
    )
    assert loaded["uid"] == f"fusion-router-{board.name}"
    assert len(loaded["uid"]) <= 40  # Grafana's limit
    ids = [panel["id"] for panel in loaded["panels"]]
    assert len(set(ids)) == len(ids)
    titles = [panel.title for panel in board.panels]
    assert [panel["title"] for panel in loaded["panels"] if panel["type"] != "row"] == titles
    assert len(set(titles)) == len(titles)
    assert [variable["name"] for variable in loaded["templating"]["list"]] == ["datasource", "job", "instance"]
    for panel in loaded["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH
        for target in panel.get("targets", ()):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in loaded["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells), "panels overlap"
