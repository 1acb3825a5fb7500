"""Where fusing pays."""

from importlib.resources import files
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.assessment import Assessment
from router.core.evidence import NO_FUSION, TASKS, Evidence, FusionPolicy, TaskEvidence, read_evidence, worthwhile

YES, NO = Evidence(True, "x"), Evidence(False, "y")
POLICY = FusionPolicy(
    evidence={"knowledge": TaskEvidence(YES, YES), "math": TaskEvidence(YES, NO), "code": TaskEvidence(NO, NO)}
)


def pays(
    task: Any = "knowledge", complexity: float = 0.9, *, closed: bool = False, tokens: int = 900, mode: Any = "balanced",
    able: int = 3, policy: FusionPolicy = POLICY,
) -> bool:  # fmt: skip
    assessment = Assessment(complexity, 0.0, task, 0.1, closed, tokens, "test@1:0")
    return worthwhile(policy, mode, assessment, able_members=able)


def test_a_hard_prompt_of_a_task_that_pays_is_worth_a_panel() -> None:
    assert pays()
    assert pays("math", closed=True, tokens=5)


def test_a_task_that_the_config_names_is_fused_whatever_length_is_expected() -> None:
    named = FusionPolicy(evidence=read_evidence({"tasks": {}}, {"writing": True, "knowledge": False}))
    assert pays("writing", tokens=5, policy=named)
    assert not pays("knowledge", policy=named)


def test_nothing_else_is() -> None:
    assert not pays("code")
    assert not pays("chat")
    assert not pays("math")
    assert not pays(tokens=100)
    assert not pays(complexity=0.4)
    assert not pays(able=1)
    assert not pays(closed=True, able=2)


def test_cost_mode_never_fuses_by_itself_and_quality_mode_sooner() -> None:
    assert not pays(complexity=1.0, mode="cost")
    assert pays(complexity=0.4, mode="quality")


def test_without_a_table_nothing_is_fused() -> None:
    assert not pays(complexity=1.0, mode="quality", able=8, policy=NO_FUSION)


@given(st.sampled_from(TASKS), st.floats(0, 1), st.floats(0, 1), st.booleans(), st.integers(0, 8))
def test_a_harder_prompt_never_stops_being_worthwhile(
    task: str, one: float, other: float, closed: bool, able: int
) -> None:
    easy, hard = sorted((one, other))
    assert pays(task, hard, closed=closed, able=able) >= pays(task, easy, closed=closed, able=able)


def test_the_shipped_table_speaks_of_every_task_with_its_evidence() -> None:
    table = read_evidence(orjson.loads(files("router").joinpath("fusion_evidence.json").read_bytes()))
    assert set(table) == set(TASKS)
    assert all(row.closed.basis and row.open.basis for row in table.values())
    assert not any(row.closed.pays and (row.closed.low or 0) <= 0 for row in table.values())


def test_the_configs_word_goes_before_the_table() -> None:
    no = {"pays": False, "basis": "replay", "gain": -0.02}
    table = {"tasks": {"code": {"closed": no, "open": no}}}
    assert not read_evidence(table)["code"].open.pays
    assert read_evidence(table, {"code": True})["code"].open == Evidence(True, "config: fusion.tasks", least_tokens=0)


@pytest.mark.parametrize("table", [[], {}, {"tasks": {"cooking": {"pays": True}}}, {"tasks": {"code": {"gain": 1}}}])
def test_a_broken_table_is_refused(table: object) -> None:
    with pytest.raises(ValueError, match=r"evidence"):
        read_evidence(table)
