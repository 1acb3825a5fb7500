"""Where fusing pays: a table by task, each row with what it rests on, and the rule that reads it. Pure.

The table is data: it ships as JSON, a replay of recorded answers writes it, and the config overrides its rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, get_args

from classifier.assessment import Assessment, Task
from router.core.fusion import FusionControls
from router.core.types import Mode

TASKS: tuple[str, ...] = get_args(Task)

FUSION_COMPLEXITY: Mapping[Mode, float] = MappingProxyType({"balanced": 0.5, "quality": 0.35})
"""Complexity from which a prompt may be fused, by mode, and only where it is above the mode's own threshold too;
``cost`` never fuses by itself. Judgement, not measured: no recorded answers are of open, hard prompts to panels and to one
strong model alike. A run costs four to five times one call, so in ``balanced`` the small model has to be more likely wrong
than right. ``fusion.complexity`` in the config overrides them."""

LONG_ANSWER_TOKENS = 350
"""An open answer that is expected to be shorter is not the kind that the evidence is from: reports, reviews, analyses.
Judgement: estimates of length are rough, and requests for a full report have been estimated at under 400."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of fusing one kind of answer on one task.

    Attributes:
        pays: whether a panel's answer is better than one strong model's by more than chance.
        gain: in accuracy over the best member, in [-1, 1]; None where nobody measured it.
        low, high: a 95 % interval of the gain.
        basis: where it is from, in one sentence.
        least_tokens: that an open answer is expected to have; what the operator says holds for answers of any length.
    """

    pays: bool
    basis: str
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    least_tokens: int = LONG_ANSWER_TOKENS


@dataclass(frozen=True, slots=True)
class TaskEvidence:
    """One task's row: a vote on closed answers, and a judge over open ones, are two things."""

    closed: Evidence
    open: Evidence


@dataclass(frozen=True, slots=True)
class FusionPolicy:
    """When ``decide`` may choose the panel by itself.

    Attributes:
        controls: how runs go unless a request says otherwise; an empty panel switches fusion off.
        evidence: by task; a task that is missing does not pay.
        complexity: at or above it a prompt may be fused; by mode, absent where the mode never fuses by itself.
        priors: accuracy that the config says to expect of deployments; used where it is known of a whole panel.
        search_usd: what a panelist's web search costs, infinite where unknown; None where panelists have no web.
    """

    controls: FusionControls = field(default_factory=FusionControls)
    evidence: Mapping[str, TaskEvidence] = field(default_factory=dict)
    complexity: Mapping[Mode, float] = field(default_factory=lambda: FUSION_COMPLEXITY)
    priors: Mapping[str, float] = field(default_factory=dict)
    search_usd: float | None = None


NO_FUSION = FusionPolicy()


def worthwhile(policy: FusionPolicy, mode: Mode, assessment: Assessment, *, able_members: int) -> bool:
    """Whether fusing pays for a prompt that goes to strong anyway.

    Never with fewer than two near-equals. A closed answer needs three: two can only disagree, and the third is what a vote rests on. An open answer has to be
    as long as its row says. It never turns from True to False as complexity rises.
    """
    row = policy.evidence.get(assessment.task)
    threshold = policy.complexity.get(mode)
    if row is None or threshold is None or assessment.complexity < threshold:
        return False
    if assessment.closed_answer:
        return row.closed.pays and able_members >= 3
    return row.open.pays and able_members >= 2 and assessment.expected_output_tokens >= row.open.least_tokens


def read_evidence(table: Any, overrides: Mapping[str, bool] = MappingProxyType({})) -> dict[str, TaskEvidence]:
    """Read the shipped table, and let the config's word go before it.

    Raises:
        ValueError: the table names an unknown task, or a row says neither that it pays nor that it does not.
    """
    rows = table.get("tasks") if isinstance(table, Mapping) else None
    if not isinstance(rows, Mapping):
        raise ValueError('the evidence table is an object with "tasks"')
    read: dict[str, TaskEvidence] = {}
    for task, row in rows.items():
        if task not in TASKS:
            raise ValueError(f"the evidence table names the task {task!r}; known are {', '.join(TASKS)}")
        if not isinstance(row, Mapping):
            raise ValueError(f"the evidence for {task!r} is not an object")
        read[task] = TaskEvidence(_row(task, row.get("closed")), _row(task, row.get("open")))
    for task, pays in overrides.items():
        word = Evidence(pays, "config: fusion.tasks", least_tokens=0)
        read[task] = TaskEvidence(word, word)
    return read


def _row(task: str, row: Any) -> Evidence:
    if not isinstance(row, Mapping) or not isinstance(row.get("pays"), bool):
        raise ValueError(f"the evidence for {task!r} does not say whether closed and open answers pay")
    return Evidence(row["pays"], str(row.get("basis", "")), row.get("gain"), row.get("low"), row.get("high"))
