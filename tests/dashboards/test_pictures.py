"""The README's pictures: there, small, and drawn from whatever Prometheus says."""

import io
import time
from datetime import datetime

import numpy as np
import pytest
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from PIL import Image

from dashboards.build import BOARDS
from dashboards.draw import Curve, draw_panel, number
from dashboards.panel import Board, Panel
from dashboards.render import PICTURES, Source, picture
from tests.dashboards.conftest import Run
from tests.dashboards.processes import ROOT

LARGEST = 150_000
"""Bytes: a README that is looked at on a train."""


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_a_dashboard_can_be_drawn_from_a_running_prometheus(run: Run, board: Board) -> None:
    source = Source(run.stage.asked.url, time.time() - 60, time.time(), 15)
    for panel in board.panels:
        if panel.drawn:
            assert source.curves(panel), panel.title
    drawn = picture(board, source)
    assert len(drawn) < LARGEST
    image = Image.open(io.BytesIO(drawn))
    assert image.width == 1400
    assert len(image.convert("L").getcolors() or ()) > 10, "not an empty page"


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_the_committed_picture_is_in_the_readme_and_small(board: Board) -> None:
    path = PICTURES / f"{board.name}.png"
    assert path.stat().st_size < LARGEST
    assert f"![{board.title}]({path.relative_to(ROOT)})" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_nothing_is_drawn_where_there_was_no_data() -> None:
    times = [0.0, 15.0, 30.0, 3_000.0, 3_015.0]
    zero = round(date2num(datetime.fromtimestamp(0)) * 86_400)  # as the axis has it
    for kind in ("lines", "stacked"):
        axes = Figure().add_subplot()
        draw_panel(axes, Panel("How many?", kind, (), ""), [Curve("a", times, [5.0, 5.0, 5.0, 7.0, 7.0], {})])
        if kind == "lines":
            (line,) = axes.lines
            drawn = np.asarray(line.get_ydata(), dtype=float)
            assert np.isnan(drawn).sum() == 2
            assert drawn[~np.isnan(drawn)].tolist() == [5, 5, 5, 7, 7]
        else:
            (area,) = axes.collections
            edge = [(round(x * 86_400) - zero, y) for x, y in area.get_paths()[0].vertices]
            assert max(y for second, y in edge if second == 30) == 5
            assert {y for second, y in edge if second in (45, 2_985)} == {0.0}


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (1234.5, "currencyUSD", "$1,234.50"),
        (-0.165, "currencyUSD", "-$0.165"),
        (0.0000123, "currencyUSD", "$0.000012"),
        (0.0012, "s", "1.2 ms"),
        (12.34, "s", "12.3 s"),
        (0.014, "percentunit", "1.4%"),
        (-1.87, "percentunit", "-187%"),
        (2.85, "suffix:×", "2.85×"),
        (0.0, "short", "0"),
    ],
)
def test_numbers_are_said_in_their_unit(value: float, unit: str, said: str) -> None:
    assert number(value, unit) == said
