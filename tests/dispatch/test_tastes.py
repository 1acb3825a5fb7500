"""How a request is written for one deployment, and what is remembered of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.types import Deployment
from router.dispatch.hints import Objection
from router.dispatch.tastes import Tastes, rewritten, unheeded

ANY, WRITER = Deployment("a", "openai/a"), Deployment("w", "openai/w", max_output_tokens=100)
LIMITS = ("max_tokens", "max_completion_tokens")


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_above_what_a_model_can_write_is_lowered_to_that_under_its_own_name(name: str) -> None:
    for asked, sent in ((99, None), (100, None), (101, {name: 100}), (32_000, {name: 100})):
        assert Tastes().changes(WRITER, {"x": 1, name: asked}) == sent
    assert Tastes().changes(ANY, {name: 32_000}) is None, "nobody knows what it can write"


def test_what_is_no_number_is_left_to_the_provider() -> None:
    for odd in (None, "many", [1], True):
        assert Tastes().changes(WRITER, {"max_tokens": odd}) is None


def test_a_limit_that_goes_by_its_other_name_is_lowered_too() -> None:
    heard = (Objection("max_tokens", instead="max_completion_tokens"),)
    changes = Tastes().changes(WRITER, {"max_tokens": 500}, heard)
    assert changes == {"max_tokens": None, "max_completion_tokens": 100}
    both = {"max_tokens": 500, "max_completion_tokens": 7}
    assert rewritten(both, Tastes().changes(WRITER, both, heard) or {}) == {"max_completion_tokens": 7}


@given(
    st.dictionaries(st.sampled_from(["seed", "temperature", "user", "n", *LIMITS]), st.integers(1, 500)),
    st.sets(st.sampled_from(["seed", "temperature", "user"])),
)
def test_all_but_what_is_changed_stays_as_it_was_and_where_it_was(body: dict[str, int], refused: set[str]) -> None:
    changes = Tastes().changes(WRITER, body, [Objection(name) for name in refused]) or {}
    sent = rewritten(body, changes)
    assert list(sent) == [name for name in body if name not in refused]
    assert all(sent[name] == (min(body[name], 100) if name in LIMITS else body[name]) for name in sent)


def test_what_was_learnt_of_one_deployment_holds_for_it_alone() -> None:
    tastes = Tastes()
    tastes.learn("a", [Objection("seed")])
    assert tastes.changes(ANY, {"seed": 1}) == {"seed": None}
    assert tastes.changes(ANY, {"user": "u"}) is None
    assert tastes.changes(WRITER, {"seed": 1}) is None


def test_a_refused_value_leaves_others_to_their_callers() -> None:
    tastes = Tastes()
    tastes.learn("a", [Objection("reasoning_effort", value=b'"minimal"'), Objection("top_p", beside="temperature")])
    assert tastes.changes(ANY, {"reasoning_effort": "minimal"}) == {"reasoning_effort": None}
    assert tastes.changes(ANY, {"reasoning_effort": "high", "top_p": 0.5}) is None
    assert tastes.changes(ANY, {"temperature": 0, "top_p": 0.5}) == {"top_p": None}


def test_what_was_refused_at_one_effort_of_reasoning_is_sent_at_another() -> None:
    tastes = Tastes()
    tastes.learn("a", [Objection("temperature", effort="high"), Objection("top_p")])
    assert tastes.changes(ANY, {"temperature": 0, "top_p": 1, "reasoning_effort": "high"}) == {"temperature": None}
    assert tastes.changes(ANY, {"temperature": 0, "reasoning_effort": "none"}) is None
    assert tastes.changes(ANY, {"temperature": 0, "top_p": 1}) == {"top_p": None}


def test_callers_who_try_many_values_do_not_fill_the_memory() -> None:
    tastes = Tastes()
    for number in range(1_000):
        tastes.learn("a", [Objection("seed", value=b"%d" % number), Objection("user", effort="x" * 10_000)])
    known = [number for number in range(1_000) if tastes.changes(ANY, {"seed": number})]
    assert known == list(range(64))


def test_an_objection_that_was_heeded_is_not_heeded_again() -> None:
    seed, limit = Objection("seed"), Objection("max_tokens", instead="max_completion_tokens")
    back: Any = Objection("max_completion_tokens", instead="max_tokens")
    assert unheeded([seed, limit], {"max_tokens": 100}) == (seed, limit)
    assert unheeded([seed, limit, back], {"seed": None, "max_tokens": None}) == ()
