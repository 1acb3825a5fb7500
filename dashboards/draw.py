"""Drawing one panel onto matplotlib axes: how Grafana would show it, as near as a picture for a README needs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from dashboards.panel import Panel

PALETTE = ("#3366cc", "#e07b39", "#2a9d5c", "#b83280", "#8a6d3b", "#6a51a3", "#17a2b8", "#c0392b", "#7f8c8d", "#a3b018")
GOOD, WARNING, BAD = "#2a9d5c", "#d9a514", "#c0392b"
INK, FAINT = "#24292f", "#8b949e"
LONGEST_LABEL = 26
MOST_SERIES, MOST_BARS = 8, 14
"""Of a crowded panel, the largest."""

DATES: Any = dates
"""matplotlib's, which has no types for its calls."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One series: its name, and values at times (Unix seconds); one value where a panel shows one moment."""

    name: str
    times: Sequence[float]
    values: Sequence[float]
    labels: Mapping[str, str]

    @property
    def last(self) -> float:
        """The newest value."""
        return self.values[-1]


def draw_panel(axes: Axes, panel: Panel, curves: Sequence[Curve]) -> None:
    """Draw what the curves say; the question is the caller's to write."""
    axes.set_facecolor("white")
    for spine in axes.spines.values():
        spine.set_visible(False)
    if not curves:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no data", ha="center", va="center", color=FAINT)
        return
    _KINDS[panel.kind](axes, panel, curves)


def number(value: float, unit: str, *, tick: bool = False) -> str:
    """A value in its unit, as short as it can be said; money to the cent, except on an axis."""
    if unit == "percentunit":
        return f"{value:.1%}" if 0 < abs(value) < 0.0995 else f"{value:.0%}"
    if unit == "currencyUSD":
        to_the_cent = not tick and abs(value) >= 0.995
        return f"{'-' if value < 0 else ''}${f'{abs(value):,.2f}' if to_the_cent else _significant(abs(value))}"
    if unit == "s":
        return f"{_significant(value * 1000)} ms" if abs(value) < 1 else f"{_significant(value)} s"
    return _significant(value) + (unit.removeprefix("suffix:") if unit.startswith("suffix:") else "")


def _significant(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    shown = f"{value:.3g}" if abs(value) >= 1e-3 else f"{value:.2g}"
    return np.format_float_positional(float(shown), trim="-")


def _stat(axes: Axes, panel: Panel, curves: Sequence[Curve]) -> None:
    value = curves[0].last
    axes.set_axis_off()
    axes.text(0, 0.25, number(value, panel.unit), fontsize=21, color=_colour(panel, value), va="center", ha="left")


def _lines(axes: Axes, panel: Panel, curves: Sequence[Curve]) -> None:
    for colour, curve in zip(PALETTE, _largest(curves), strict=False):
        times, values = _with_gaps(curve.times, [curve.values], float("nan"))
        axes.plot(_moments(times), values[0], color=colour, linewidth=1.4, label=_short(curve.name))
    for limit, colour in zip(panel.limits, (WARNING, BAD), strict=False):
        axes.axhline(limit, color=colour, linewidth=1, linestyle=(0, (4, 3)))
    if min(min(curve.values) for curve in curves) >= 0:
        axes.set_ylim(0, None if any(map(any, (curve.values for curve in curves))) else 1)
    else:
        axes.axhline(0, color=FAINT, linewidth=0.8)
    _dress(axes, panel)


def _stacked(axes: Axes, panel: Panel, curves: Sequence[Curve]) -> None:
    times = sorted({time for curve in curves for time in curve.times})
    shown = _largest(curves)
    values = []
    for curve in shown:
        known = dict(zip(curve.times, curve.values, strict=True))
        values.append([known.get(time, 0.0) for time in times])
    names = [_short(curve.name) for curve in shown]
    apart, values = _with_gaps(times, values, 0.0)
    axes.stackplot(_moments(apart), values, labels=names, colors=PALETTE, alpha=0.75, linewidth=0)
    axes.set_ylim(bottom=0)
    _dress(axes, panel)


def _with_gaps(
    times: Sequence[float], rows: Sequence[Sequence[float]], nothing: float
) -> tuple[list[float], list[list[float]]]:
    """Series with ``nothing`` where moments are missing: a line drawn across would be data that nobody has."""
    step = min((after - before for before, after in pairwise(times)), default=0.0)
    moments, filled = list(times[:1]), [list(row[:1]) for row in rows]
    for number, (before, after) in enumerate(pairwise(times), 1):
        missing = [before + step, after - step] if after - before > 1.5 * step else []
        moments += [*missing, after]
        for row, known in zip(filled, rows, strict=True):
            row += [*(nothing for _ in missing), known[number]]
    return moments, filled


def _bars(axes: Axes, panel: Panel, curves: Sequence[Curve]) -> None:
    shown = sorted(curves, key=lambda curve: curve.name)[:MOST_BARS]
    places = range(len(shown))
    values = [curve.last for curve in shown]
    colours = [_colour(panel, value, PALETTE[0]) for value in values]
    axes.barh(places, values, color=colours, height=0.62)
    axes.set_yticks(places, [_short(curve.name) for curve in shown], fontsize=7.5, color=INK)
    axes.invert_yaxis()
    low, high = min(0.0, *values), max(0.0, *values)
    room = (high - low or 1) * 0.18
    axes.set_xlim(low - (room if low < 0 else 0), high + room)
    for place, value in zip(places, values, strict=True):
        end = "right" if value < 0 else "left"
        axes.annotate(
            number(value, panel.unit), (value, place), xytext=(-4 if value < 0 else 4, 0), textcoords="offset points",
            va="center", ha=end, fontsize=7.5, color=INK,
        )  # fmt: skip
    axes.axvline(0, color=FAINT, linewidth=0.8)
    axes.set_xticks([])
    axes.tick_params(length=0)


def _columns(axes: Axes, panel: Panel, curves: Sequence[Curve]) -> None:
    bins = sorted({curve.labels["bin"] for curve in curves})
    names = list(dict.fromkeys(curve.name for curve in curves))
    width = 0.8 / len(names)
    for index, name in enumerate(names):
        known = {curve.labels["bin"]: curve.last for curve in curves if curve.name == name}
        places = np.arange(len(bins)) + (index - (len(names) - 1) / 2) * width
        axes.bar(places, [known.get(label, 0.0) for label in bins], width, color=PALETTE[-2 - index * 8], label=name)
    axes.set_xticks(range(len(bins)), bins)
    _dress(axes, panel, dated=False)
    axes.tick_params(axis="x", labelsize=6)


def _dress(axes: Axes, panel: Panel, *, dated: bool = True) -> None:
    axes.grid(axis="y", color="#e6e8eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=7.5, colors=FAINT, length=0)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, panel.unit, tick=True)))
    if panel.axis or panel.unit == "reqps":
        axes.set_ylabel(panel.axis or "requests per second", fontsize=7.5, color=FAINT)
    if dated:
        axes.xaxis.set_major_locator(DATES.AutoDateLocator(minticks=3, maxticks=5))
        axes.xaxis.set_major_formatter(DATES.DateFormatter("%H:%M"))
        axes.margins(x=0)
    handles, names = axes.get_legend_handles_labels()
    columns = 1 + (max(map(len, names)) < 30) + (max(map(len, names)) < 18)
    axes.legend(
        handles, names, fontsize=7, ncol=columns, loc="upper left", bbox_to_anchor=(-0.02, -0.1), frameon=False,
        labelcolor=INK, handlelength=1.2, columnspacing=1.2, borderaxespad=0,
    )  # fmt: skip


def label_room(panel: Panel, curves: Sequence[Curve]) -> int:
    """How many letters stand left of the bars."""
    return max((len(_short(curve.name)) for curve in curves), default=0) if panel.kind == "bars" else 0


def _largest(curves: Sequence[Curve]) -> list[Curve]:
    """The curves with most under them, in the order of their names."""
    kept = sorted(curves, key=lambda curve: -sum(map(abs, curve.values)))[:MOST_SERIES]
    return sorted(kept, key=lambda curve: curve.name)


def _colour(panel: Panel, value: float, otherwise: str = INK) -> str:
    if not panel.limits:
        return otherwise
    steps = [GOOD, *([WARNING] if len(panel.limits) > 1 else []), BAD]
    if panel.low_is_bad:
        steps.reverse()
    return steps[sum(value >= limit for limit in panel.limits)]


def _moments(times: Sequence[float]) -> Any:
    return [datetime.fromtimestamp(time) for time in times]


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_LABEL else name[: LONGEST_LABEL - 1] + "…"


_KINDS: dict[str, Callable[[Axes, Panel, Sequence[Curve]], None]] = {
    "stat": _stat,
    "lines": _lines,
    "stacked": _stacked,
    "bars": _bars,
    "columns": _columns,
}
"""The kinds that are drawn; tables and heat maps are left to Grafana."""
