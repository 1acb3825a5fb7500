"""Draws the dashboards' main panels from a Prometheus: ``python -m dashboards.render http://127.0.0.1:9090``."""

import argparse
import io
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from textwrap import fill
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import matplotlib
from PIL import Image

from dashboards.build import BOARDS, HERE
from dashboards.draw import INK, Curve, draw_panel, label_room
from dashboards.panel import Board, Panel, Query

matplotlib.use("Agg")

PICTURES = HERE / "pictures"
POINTS = 180
"""Of a curve."""
SHADES = 96
"""Colours of a picture: it stays small, and nobody sees the difference."""
ACROSS, STATS_ACROSS = 3, 6
WIDTH_IN, HEAD_IN, TITLE_IN, STAT_IN, ROW_IN, LEGEND_IN, LETTER_IN = 14.0, 0.6, 0.42, 1.35, 3.15, 0.95, 0.068
MARGIN = 0.02
"""A share of the width."""


@dataclass(frozen=True, slots=True)
class Source:
    """A Prometheus and the range to draw.

    Attributes:
        window_s: what ``$__rate_interval`` stands for.
    """

    url: str
    start_s: float
    end_s: float
    window_s: int

    def curves(self, panel: Panel) -> list[Curve]:
        """What the panel's queries give."""
        return [curve for query in panel.queries for curve in self._curves(panel, query)]

    def _curves(self, panel: Panel, query: Query) -> list[Curve]:
        range_s = round(self.end_s - self.start_s)
        values = {"$job": ".+", "$instance": ".+", "$__rate_interval": f"{self.window_s}s", "$__range": f"{range_s}s"}
        expr = query.expr
        for name, value in values.items():
            expr = expr.replace(name, value)
        if panel.instant:
            found = self._ask("query", {"query": expr, "time": self.end_s})
            points = [(row["metric"], [row["value"]]) for row in found]
        else:
            step_s = max(1.0, range_s / POINTS)
            asked = {"query": expr, "start": self.start_s, "end": self.end_s, "step": f"{step_s:g}"}
            points = [(row["metric"], row["values"]) for row in self._ask("query_range", asked)]
        return [curve for labels, values in points if (curve := _curve(query.legend, labels, values)) is not None]

    def _ask(self, path: str, arguments: Mapping[str, Any]) -> Any:
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(arguments)}", timeout=30) as answer:  # noqa: S310  # the operator's own URL
            return json.load(answer)["data"]["result"]


def _curve(legend: str, labels: Mapping[str, str], values: Sequence[tuple[float, str]]) -> Curve | None:
    """A series without what is not a number; None where nothing is left."""
    known = [(float(moment), float(value)) for moment, value in values if isfinite(float(value))]
    if not known:
        return None
    name = re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend)
    moments, numbers = zip(*known, strict=True)
    return Curve(name, moments, numbers, labels)


def picture(board: Board, source: Source) -> bytes:
    """The board's main panels as a PNG."""
    from matplotlib.figure import Figure

    drawn = [panel for panel in board.panels if panel.drawn]
    stats = [panel for panel in drawn if panel.kind == "stat"]
    others = [panel for panel in drawn if panel.kind != "stat"]
    stats_in, rows = STAT_IN * -(-len(stats) // STATS_ACROSS), -(-len(others) // ACROSS)
    height_in = HEAD_IN + stats_in + rows * ROW_IN
    figure = Figure(figsize=(WIDTH_IN, height_in), dpi=100, facecolor="white")
    title_at = 1 - HEAD_IN / 2 / height_in
    figure.text(MARGIN, title_at, board.title, fontsize=16, fontweight="bold", va="center", color=INK)
    for index, panel in enumerate(stats):
        row, column = divmod(index, STATS_ACROSS)
        axes = _cell(figure, panel, column, STATS_ACROSS, HEAD_IN + row * STAT_IN, STAT_IN, below_in=0.3)
        draw_panel(axes, panel, source.curves(panel))
    for index, panel in enumerate(others):
        row, column = divmod(index, ACROSS)
        curves = source.curves(panel)
        left_in = 0.1 + LETTER_IN * label_room(panel, curves) if panel.kind == "bars" else 0.55
        axes = _cell(figure, panel, column, ACROSS, HEAD_IN + stats_in + row * ROW_IN, ROW_IN, left_in, LEGEND_IN)
        draw_panel(axes, panel, curves)
    return _small(figure)


def _cell(
    figure: Any,
    panel: Panel,
    column: int,
    across: int,
    top_in: float,
    tall_in: float,
    left_in: float = 0.0,
    below_in: float = 0.1,
) -> Any:
    """Write a panel's question into its cell, and give the axes under it; room is left beside and below them."""
    height_in = figure.get_figheight()
    width = (1 - 2 * MARGIN) / across
    left, right = MARGIN + column * width, MARGIN + (column + 1) * width - 0.02
    title = fill(panel.title, 52 if across == ACROSS else 27)
    figure.text(left, 1 - top_in / height_in, title, fontsize=9.5, fontweight="bold", va="top", color=INK)
    tall_in, top_in = tall_in - TITLE_IN - below_in, top_in + TITLE_IN
    left += left_in / WIDTH_IN
    return figure.add_axes((left, 1 - (top_in + tall_in) / height_in, right - left, tall_in / height_in))


def _small(figure: Any) -> bytes:
    raw, out = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png")
    image = Image.open(raw).convert("RGB").quantize(SHADES, dither=Image.Dither.NONE)
    image.save(out, format="png", optimize=True)
    return out.getvalue()


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw every board into a directory."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.render", description=__doc__)
    parser.add_argument("prometheus", help="its URL")
    parser.add_argument("--minutes", type=float, default=60, help="how far back (default 60)")
    parser.add_argument(
        "--window", type=int, default=120, help="seconds of each rate (default 120: four scrapes and more)"
    )
    parser.add_argument("--out", type=Path, default=PICTURES, help=f"directory (default {PICTURES.name}/)")
    given = parser.parse_args(arguments)
    end_s = time.time()
    source = Source(given.prometheus.rstrip("/"), end_s - given.minutes * 60, end_s, given.window)
    given.out.mkdir(parents=True, exist_ok=True)
    for board in BOARDS:
        path = given.out / f"{board.name}.png"
        path.write_bytes(picture(board, source))
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
