"""Cooldowns and the order of attempts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.health import (
    CooldownRules,
    Health,
    after_abandon,
    after_failure,
    after_first_content,
    after_success,
    availability,
    before_call,
)
from router.core.plan import Failed, Step, fallback_reason, has_another, next_step
from router.core.types import Deployment
from router.errors import (
    UpstreamAuthFailed,
    UpstreamContextTooLong,
    UpstreamError,
    UpstreamFailed,
    UpstreamIncapable,
    UpstreamModelMissing,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)

RULES = CooldownRules(failures=3, first_s=5, longest_s=300)


def failed_times(count: int, now_s: float = 100.0) -> Health:
    """After so many failures of calls that began while it was up, one after another."""
    health = Health()
    for _ in range(count):
        health = after_failure(health, 0, now_s, RULES)
    return health


def probed(health: Health, now_s: float) -> Health:
    assert availability(health, now_s) == "probe"
    return before_call(health, now_s)


def test_three_failures_in_a_row_start_a_cooldown_and_two_do_not() -> None:
    assert availability(failed_times(2), 100.0) == "up"
    assert availability(failed_times(3), 100.0) == "cooling"


def test_a_success_in_between_starts_the_count_anew() -> None:
    health = after_success(failed_times(2), 0)
    assert availability(after_failure(health, 0, 100.0, RULES), 100.0) == "up"


def test_a_providers_retry_after_cools_at_once_and_is_capped() -> None:
    health = after_failure(Health(), 0, 100.0, RULES, retry_after_s=12)
    assert availability(health, 111.9) == "cooling"
    assert availability(health, 112.0) == "probe"
    assert after_failure(Health(), 0, 0.0, RULES, retry_after_s=9_999).cooling_until_s == 300


def test_no_cooldown_is_longer_than_the_longest_however_often_the_probe_fails() -> None:
    health, now_s = failed_times(3, 0.0), 0.0
    for _ in range(10):
        now_s = health.cooling_until_s
        health = probed(health, now_s)
        health = after_failure(health, health.epoch, now_s, RULES)
    assert health.cooling_until_s == now_s + RULES.longest_s


def test_after_the_cooldown_a_single_probe_decides() -> None:
    probing = probed(failed_times(3), 106.0)
    assert availability(probing, 106.0) == "cooling"
    assert availability(after_success(probing, probing.epoch), 106.0) == "up"
    again = after_failure(probing, probing.epoch, 106.0, RULES)
    assert availability(again, 115.9) == "cooling"
    assert availability(again, 116.0) == "probe"


def test_a_burst_of_calls_that_fail_together_is_one_cooldown_of_the_first_length() -> None:
    assert failed_times(12) == failed_times(3)
    assert failed_times(12).cooling_until_s == 105.0


def test_a_call_that_began_before_the_cooldown_does_not_speak_for_the_probe() -> None:
    probing = probed(failed_times(3), 106.0)
    assert after_failure(probing, 0, 106.0, RULES) == probing
    assert after_abandon(probing, 0) == probing
    assert after_success(probing, 0) == probing
    assert after_first_content(probing, 0) == probing


def test_a_probe_that_was_given_back_does_not_speak_for_the_next() -> None:
    first = probed(failed_times(3), 106.0)
    second = probed(after_abandon(first, first.epoch), 106.0)
    assert after_abandon(second, first.epoch) == second
    assert after_failure(second, first.epoch, 106.0, RULES) == second


def test_neither_an_older_answer_nor_a_shorter_wish_ends_what_a_provider_asked_for() -> None:
    health = after_failure(Health(), 0, 100.0, RULES, retry_after_s=60)
    assert after_success(health, 0) == health
    assert after_failure(health, 0, 100.0, RULES, retry_after_s=1).cooling_until_s == 160
    assert after_failure(health, 0, 100.0, RULES, retry_after_s=90).cooling_until_s == 190, "a longer wish counts"
    late = before_call(health, 101.0)
    assert availability(after_success(late, late.epoch), 101.0) == "up", "a call begun since then knows better"
    assert after_failure(late, late.epoch, 101.0, RULES) == late, "only a failed probe lengthens it"


def test_a_probe_that_was_abandoned_can_be_taken_by_another() -> None:
    probing = probed(failed_times(3), 106.0)
    assert availability(after_abandon(probing, probing.epoch), 106.0) == "probe"


def test_a_stream_that_begins_does_not_wipe_out_its_failures() -> None:
    begun = after_first_content(failed_times(2), 0)
    assert availability(after_failure(begun, 0, 100.0, RULES), 100.0) == "cooling"
    probing = probed(failed_times(3), 106.0)
    begun = after_first_content(probing, probing.epoch)
    assert availability(begun, 106.0) == "up"
    broken = after_failure(begun, probing.epoch, 106.0, RULES)
    assert broken.cooling_until_s == 116.0, "a probe that broke off is a failed probe"


@given(
    st.lists(
        st.tuples(st.sampled_from(["call", "ok", "content", "fail", "later", "abandon"]), st.integers(0, 4)),
        max_size=60,
    )
)
def test_there_is_never_more_than_one_probe_under_way(events: list[tuple[str, int]]) -> None:
    health, now_s = Health(), 100.0
    calls: list[tuple[int, bool]] = []
    for what, which in events:
        if what == "later":
            now_s += which
        elif what == "call":
            how = availability(health, now_s)
            if how == "cooling":
                continue
            assert how == "up" or not any(epoch == health.epoch and probe for epoch, probe in calls)
            health = before_call(health, now_s)
            calls.append((health.epoch, how == "probe"))
        elif calls:
            epoch, _ = calls.pop(which % len(calls))
            if what == "fail":
                health = after_failure(health, epoch, now_s, RULES)
            else:
                step = {"ok": after_success, "content": after_first_content, "abandon": after_abandon}[what]
                health = step(health, epoch)


POOL = {
    "a": Deployment("a", "x/m1"),
    "a2": Deployment("a2", "x/m1"),
    "b": Deployment("b", "x/m2"),
    "c": Deployment("c", "x/m3"),
}
PLAN = (Step("a", "small"), Step("a2", "small"), Step("b", "small"), Step("c", "strong"))


def walk(errors: dict[str, UpstreamError], down: set[str] = frozenset(), most: int = 10) -> list[str]:  # type: ignore[assignment]
    failed: list[Failed] = []
    called = []
    while (step := next_step(PLAN, failed, POOL, lambda name: name not in down, most)) is not None:
        called.append(step.deployment)
        if step.deployment not in errors:
            break
        failed.append(Failed(step, errors[step.deployment]))
    return called


def test_a_retry_goes_to_the_same_models_other_deployment_then_to_the_next_model() -> None:
    errors = {name: UpstreamFailed("x") for name in ("a", "a2", "b")}
    assert walk(errors) == ["a", "a2", "a2", "b", "b", "c"]


def test_after_a_rate_limit_the_same_deployment_is_left_alone() -> None:
    assert walk({name: UpstreamRateLimited("x") for name in ("a", "a2", "b")}) == ["a", "a2", "b", "c"]


@pytest.mark.parametrize("kind", [UpstreamAuthFailed, UpstreamModelMissing, UpstreamTimeout, UpstreamRateLimited])
def test_what_is_wrong_with_one_deployment_is_asked_of_the_models_others_but_not_of_it_again(
    kind: type[UpstreamError],
) -> None:
    assert walk({name: kind("x") for name in ("a", "b")}) == ["a", "a2"]
    assert walk({name: kind("x") for name in ("a", "a2", "b")}) == ["a", "a2", "b", "c"]
    assert walk({name: kind("x") for name in ("a", "b")}, down={"a2"}) == ["a", "b", "c"]


@given(st.sets(st.sampled_from(list(POOL))), st.lists(st.sampled_from(PLAN), min_size=1, max_size=3, unique=True))
def test_there_is_another_exactly_where_a_time_out_has_a_next_step(down: set[str], tried: list[Step]) -> None:
    def is_available(name: str) -> bool:
        return name not in down

    failed = [Failed(step, UpstreamTimeout("x")) for step in tried]
    names = [step.deployment for step in tried]
    follows = next_step(PLAN, failed, POOL, is_available, 10) is not None
    assert has_another(PLAN, names, POOL, is_available) == follows


@pytest.mark.parametrize("kind", [UpstreamContextTooLong, UpstreamIncapable])
def test_what_a_model_cannot_do_is_asked_of_none_of_its_deployments(kind: type[UpstreamError]) -> None:
    assert walk({"a": kind("x"), "b": kind("x")}) == ["a", "b", "c"]


@pytest.mark.parametrize("kind", [UpstreamAuthFailed, UpstreamTimeout, UpstreamFailed])
def test_a_large_group_that_fails_as_one_leaves_the_last_attempt_to_another_model(kind: type[UpstreamError]) -> None:
    group = {f"a{number}": Deployment(f"a{number}", "x/m1") for number in range(6)}
    pool = {**group, "c": POOL["c"]}
    failed: list[Failed] = []
    while (step := next_step([Step(name, "small") for name in pool], failed, pool, lambda _: True, 4)) is not None:
        failed.append(Failed(step, kind("x")))
    assert [failure.step.deployment for failure in failed] == ["a0", "a1", "a2", "c"]


def test_a_deployment_that_its_failure_left_out_is_not_tried_again() -> None:
    failed = [Failed(PLAN[2], UpstreamFailed("x"))]
    assert next_step(PLAN, failed, POOL, lambda name: name != "b", 10) == PLAN[0]
    assert next_step(PLAN[2:3], failed, POOL, lambda name: name != "b", 10) is None


def test_a_rejected_request_goes_nowhere_else() -> None:
    assert walk({"a": UpstreamRejected("x")}) == ["a"]


def test_attempts_are_bounded() -> None:
    assert len(walk({name: UpstreamFailed("x") for name in POOL}, most=3)) == 3


@given(st.sets(st.sampled_from(list(POOL))), st.sets(st.sampled_from(list(POOL))))
def test_an_unavailable_deployment_is_never_chosen(down: set[str], failing: set[str]) -> None:
    assert not set(walk({name: UpstreamFailed("x") for name in failing}, down)) & down


@pytest.mark.parametrize(
    ("answered", "failed", "reason"),
    [
        (0, [], None),
        (1, [Failed(PLAN[0], UpstreamFailed("x"))], None),
        (2, [Failed(PLAN[0], UpstreamFailed("x"))], "fallback_error"),
        (2, [Failed(PLAN[0], UpstreamTimeout("x"))], "fallback_timeout"),
        (3, [], "fallback_unavailable"),
    ],
)
def test_the_reason_says_why_another_model_answered(answered: int, failed: list[Failed], reason: str | None) -> None:
    assert fallback_reason(PLAN, PLAN[answered], failed, POOL) == reason
