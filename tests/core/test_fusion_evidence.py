"""Where fusing pays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.evidence import NO_FUSION, TASKS, Evidence, FusionPolicy, read_evidence, worthwhile

POLICY = FusionPolicy(evidence={"knowledge": Evidence(True, "x"), "code": Evidence(False, "y")})


def pays(task: str = "knowledge", complexity: float = 0.9, **changed: object) -> bool:
    facts = {"closed_answer": False, "needs_tools": False, "able_members": 3, **changed}
    return worthwhile(POLICY, "balanced", task, complexity, **facts)  # type: ignore[arg-type]


def test_a_hard_prompt_of_a_task_that_pays_is_worth_a_panel() -> None:
    assert pays()


def test_nothing_else_is() -> None:
    assert not pays("code")
    assert not pays("chat")
    assert not pays(complexity=0.6)
    assert not pays(needs_tools=True)
    assert not pays(able_members=1)
    assert not pays(closed_answer=True, able_members=2)


def test_cost_mode_never_fuses_by_itself_and_quality_mode_sooner() -> None:
    facts = {"closed_answer": False, "needs_tools": False, "able_members": 3}
    assert not worthwhile(POLICY, "cost", "knowledge", 1.0, **facts)  # type: ignore[arg-type]
    assert worthwhile(POLICY, "quality", "knowledge", 0.6, **facts)  # type: ignore[arg-type]


def test_without_a_table_nothing_is_fused() -> None:
    assert not worthwhile(
        NO_FUSION, "quality", "knowledge", 1.0, closed_answer=False, needs_tools=False, able_members=8
    )


@given(st.sampled_from(TASKS), st.floats(0, 1), st.floats(0, 1), st.booleans(), st.integers(0, 8))
def test_a_harder_prompt_never_stops_being_worthwhile(
    task: str, one: float, other: float, closed: bool, able: int
) -> None:
    easy, hard = sorted((one, other))
    assert pays(task, hard, closed_answer=closed, able_members=able) >= pays(
        task, easy, closed_answer=closed, able_members=able
    )


def test_the_configs_word_goes_before_the_table() -> None:
    table = {"tasks": {"code": {"pays": False, "basis": "replay", "gain": -0.02}}}
    assert not read_evidence(table)["code"].pays
    assert read_evidence(table, {"code": True})["code"] == Evidence(True, "config: fusion.tasks")


@pytest.mark.parametrize("table", [[], {}, {"tasks": {"cooking": {"pays": True}}}, {"tasks": {"code": {"gain": 1}}}])
def test_a_broken_table_is_refused(table: object) -> None:
    with pytest.raises(ValueError, match=r"evidence"):
        read_evidence(table)
