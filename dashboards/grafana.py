"""From our values to Grafana's JSON, through Grafana's own builders.

The classic schema: every Grafana from 10 on provisions it, the newer one only the latest. The SDK warns of it; pytest
is told not to.
"""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

from grafana_foundation_sdk.builders import barchart, bargauge, common, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
    ThresholdsConfig,
)
from grafana_foundation_sdk.builders.dashboard import Row as RowBuilder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.panel import Board, Panel, Query

SOURCE = options.DataSourceRef(type_val="prometheus", uid="${datasource}")
TAG = "fusion-router"
GOOD, WARNING, BAD = "green", "yellow", "red"
HEIGHTS = {"stat": 4, "table": 9}
HEIGHT = 8

Builder = Any
"""One of the SDK's panel builders; they share methods, but no type says so."""


def dashboard_json(board: Board) -> str:
    """The dashboard as Grafana imports it; equal boards give equal bytes."""
    return json.dumps(_dashboard(board).build(), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _dashboard(board: Board) -> Dashboard:
    built = (
        Dashboard(f"fusion-router: {board.title}")
        .uid(f"fusion-router-{board.name}")
        .description(board.says)
        .tags([TAG])
        .timezone("browser")
        .time("now-6h", "now")
        .refresh("1m")
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            DashboardLink("Other dashboards")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .keep_time(True)
        )
        .with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_labels("job", "Job", "label_values(router_build_info, job)"))
        .with_variable(_labels("instance", "Instance", 'label_values(router_build_info{job=~"$job"}, instance)'))
    )
    numbers = count(1)
    for row in board.rows:
        built = built.with_row(RowBuilder(row.title).id(next(numbers)))
        for panel in row.panels:
            built = built.with_panel(_panel(panel, next(numbers)))
    return built


def _labels(name: str, label: str, query: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(SOURCE)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(models.VariableOption(selected=True, text="All", value="$__all"))
    )


def _panel(panel: Panel, number: int) -> Builder:
    built = _KINDS[panel.kind](panel)
    built.title(panel.title).id(number).description(panel.says).datasource(SOURCE).unit(panel.unit)
    built.span(panel.width).height(HEIGHTS.get(panel.kind, HEIGHT))
    if panel.decimals is not None:
        built.decimals(panel.decimals)
    if panel.limits:
        built.thresholds(_thresholds(panel))
    for index, query in enumerate(panel.queries):
        built.with_target(_query(panel, query, chr(ord("A") + index)))
    return built


def _query(panel: Panel, query: Query, ref: str) -> prometheus.Dataquery:
    built = prometheus.Dataquery().ref_id(ref).expr(query.expr).datasource(SOURCE)
    if query.legend:
        built.legend_format(query.legend)
    if panel.kind in ("table", "columns"):
        return built.instant().format(PromQueryFormat.TABLE)
    if panel.kind == "heatmap":
        return built.range().format(PromQueryFormat.HEATMAP)
    return built.instant() if panel.instant else built.range()


def _thresholds(panel: Panel) -> ThresholdsConfig:
    """Green up to the first limit, red from the last; the other way round where low is bad."""
    colours = [GOOD, *([WARNING] if len(panel.limits) > 1 else []), BAD]
    if panel.low_is_bad:
        colours.reverse()
    steps = zip((None, *panel.limits), colours, strict=True)
    made = [models.Threshold(value=value, color=colour) for value, colour in steps]
    return ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(made)


def _stat(panel: Panel) -> Builder:
    mode = options.BigValueColorMode.VALUE if panel.limits else options.BigValueColorMode.NONE
    return stat.Panel().graph_mode(options.BigValueGraphMode.NONE).color_mode(mode).reduce_options(_last())


def _bars(panel: Panel) -> Builder:
    built = bargauge.Panel().orientation(options.VizOrientation.HORIZONTAL)
    built.display_mode(options.BarGaugeDisplayMode.BASIC).reduce_options(_last())
    return built if panel.low_is_bad else built.min(0)


def _lines(panel: Panel) -> Builder:
    built = timeseries.Panel().legend(_legend()).fill_opacity(8).show_points(options.VisibilityMode.NEVER)
    built.tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING))
    if panel.axis:
        built.axis_label(panel.axis)
    if panel.limits:
        built.thresholds_style(common.GraphThresholdsStyleConfig().mode(options.GraphThresholdsStyleMode.DASHED))
    return built


def _stacked(panel: Panel) -> Builder:
    return _lines(panel).fill_opacity(60).stacking(common.StackingConfig().mode(options.StackingMode.NORMAL)).min(0)


def _columns(panel: Panel) -> Builder:
    """One group of columns a ``bin``, one column a query."""
    names = {f"Value #{chr(ord('A') + index)}": query.legend for index, query in enumerate(panel.queries)}
    return (
        barchart.Panel()
        .legend(_legend())
        .x_field("bin")
        .min(0)
        .show_value(options.VisibilityMode.NEVER)
        .with_transformation(
            models.DataTransformerConfig(id_val="joinByField", options={"byField": "bin", "mode": "outer"})
        )
        .with_transformation(_organize(names, hidden=("Time", "Time 1", "Time 2")))
        .with_transformation(models.DataTransformerConfig(id_val="sortBy", options={"sort": [{"field": "bin"}]}))
    )


def _heatmap(panel: Panel) -> Builder:
    return heatmap.Panel().calculate(False).show_value(options.VisibilityMode.NEVER).hide_legend()


def _table(panel: Panel) -> Builder:
    return (
        table.Panel()
        .with_transformation(_organize({"Value": panel.column}, hidden=("Time",)))
        .with_transformation(
            models.DataTransformerConfig(id_val="sortBy", options={"sort": [{"field": panel.column, "desc": True}]})
        )
    )


def _organize(names: dict[str, str], hidden: tuple[str, ...]) -> models.DataTransformerConfig:
    chosen = {"renameByName": names, "excludeByName": dict.fromkeys(hidden, True)}
    return models.DataTransformerConfig(id_val="organize", options=chosen)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(options.LegendDisplayMode.LIST)
        .placement(options.LegendPlacement.BOTTOM)
        .show_legend(True)
    )


_KINDS: dict[str, Callable[[Panel], Builder]] = {
    "stat": _stat,
    "lines": _lines,
    "stacked": _stacked,
    "bars": _bars,
    "columns": _columns,
    "heatmap": _heatmap,
    "table": _table,
}
