"""When a panel is over, and who is its best member."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.fusion import Member
from router.core.panel import (
    PanelState,
    after_candidate,
    after_failure,
    rank_members,
    start_panel,
    wait_until_s,
)
from router.core.types import Deployment, Price


def is_over(state: PanelState, now_s: float) -> bool:
    until_s = wait_until_s(state)
    return until_s is None or now_s >= until_s


def test_all_but_one_are_needed_unless_said_otherwise_and_never_more_than_sit() -> None:
    assert [start_panel(size, None, 0, 10).quorum for size in (1, 2, 3, 4)] == [1, 1, 2, 3]
    assert start_panel(3, 8, 0, 10).quorum == 3


def test_it_waits_for_the_deadline_until_the_quorum_is_in() -> None:
    state = after_candidate(start_panel(4, 3, 100.0, 220.0), 104.0)
    assert wait_until_s(state) == 220.0
    assert not is_over(state, 219.9)
    assert is_over(state, 220.0)


def test_the_grace_is_a_quarter_of_the_time_so_far() -> None:
    state = after_candidate(start_panel(3, 1, 100.0, 220.0), 112.0)
    assert wait_until_s(state) == 115.0


def test_the_grace_is_never_longer_than_eight_seconds_nor_than_the_deadline() -> None:
    assert wait_until_s(after_candidate(start_panel(3, 1, 0.0, 220.0), 100.0)) == 108.0
    assert wait_until_s(after_candidate(start_panel(3, 1, 0.0, 103.0), 100.0)) == 103.0


def test_a_candidate_in_the_grace_does_not_lengthen_it() -> None:
    state = after_candidate(start_panel(4, 2, 0.0, 60.0), 4.0)
    state = after_candidate(after_candidate(state, 8.0), 9.0)
    assert wait_until_s(state) == 10.0


def test_it_is_over_when_all_have_ended_however() -> None:
    state = after_failure(after_candidate(start_panel(2, 2, 0.0, 60.0), 1.0))
    assert wait_until_s(state) is None
    assert is_over(state, 1.0)


def test_when_the_quorum_is_out_of_reach_those_who_are_left_are_waited_for() -> None:
    state = after_failure(after_failure(start_panel(4, 3, 0.0, 60.0)))
    state = after_candidate(state, 5.0)
    assert not is_over(state, 6.0)
    assert is_over(after_candidate(state, 7.0), 7.0)


events = st.lists(st.tuples(st.booleans(), st.floats(0, 50)), max_size=8)


@given(st.integers(1, 8), st.none() | st.integers(1, 8), events)
def test_it_is_always_over_by_its_deadline_and_stays_over(
    size: int, quorum: int | None, steps: list[tuple[bool, float]]
) -> None:
    now_s, was_over = 0.0, False
    state = start_panel(size, quorum, now_s, 60.0)
    for is_usable, passed_s in steps[:size]:
        now_s += passed_s
        state = after_candidate(state, now_s) if is_usable else after_failure(state)
        assert is_over(state, now_s) or not was_over
        was_over = is_over(state, now_s)
        until_s = wait_until_s(state)
        assert until_s is None or until_s <= 60.0
    assert is_over(state, 60.0)


def pool(**prices: float | None) -> dict[str, Deployment]:
    return {
        name: Deployment(name, f"scripted/{name}", None if usd is None else Price(usd / 5, usd))
        for name, usd in prices.items()
    }


@pytest.mark.parametrize(
    ("names", "strong", "best"),
    [
        (["a", "b", "c"], ["c"], "c"),
        (["a", "b", "c"], [], "b"),
        (["a", "a"], [], "a"),
        (["u", "a"], [], "a"),
        (["a", "b", "c"], ["b", "a"], "b"),
    ],
)
def test_the_best_prior_is_the_strong_routes_first_then_the_dearest(
    names: list[str], strong: list[str], best: str
) -> None:
    panel = [Member(name) for name in names]
    order = rank_members(panel, pool(a=1.0, b=3.0, c=2.0, u=None), strong)
    assert panel[order[0]].deployment == best
    assert sorted(order) == list(range(len(panel)))


def test_states_are_values() -> None:
    assert PanelState(2, 1, 0.0, 1.0) == start_panel(2, 1, 0.0, 1.0)
