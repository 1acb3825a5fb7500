"""The README's pictures: there, small, and drawn from whatever Prometheus says."""

import io
import time

import pytest
from PIL import Image

from dashboards.build import BOARDS
from dashboards.draw import number
from dashboards.panel import Board
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
