"""What a dashboard is made of, as values: read by the builder, the renderer and the tests alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["stat", "lines", "stacked", "bars", "columns", "heatmap", "table"]
"""``bars`` are horizontal, one a series; ``columns`` stand side by side, one group a ``bin``."""

WIDTH = 24
"""Columns of Grafana's grid."""


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL query, and what its series are called: Grafana's ``{{label}}`` or plain words."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        title: the question it answers.
        says: how to read it, and what is in it and what not.
        unit: Grafana's name of it.
        width: of the grid's 24 columns.
        axis: what the numbers on the axis are, where the unit does not say it.
        column: what a table's numbers are.
        limits: values at which the colour turns from green to yellow to red; three of them where low is bad.
        decimals: places after the point; None leaves it to Grafana.
        drawn: whether the README's picture has it.
    """

    title: str
    kind: Kind
    queries: tuple[Query, ...]
    says: str
    unit: str = "short"
    width: int = 8
    axis: str = ""
    column: str = "Value"
    limits: tuple[float, ...] = ()
    low_is_bad: bool = False
    decimals: int | None = None
    drawn: bool = False

    @property
    def instant(self) -> bool:
        """Whether it shows one moment, the range's end, instead of a course."""
        return self.kind in ("stat", "bars", "columns", "table")


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard; ``name`` is its file's and its uid's."""

    name: str
    title: str
    says: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> Iterator[Panel]:
        """All panels, in reading order."""
        return (panel for row in self.rows for panel in row.panels)
