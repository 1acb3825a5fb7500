"""The plan of a decision: which deployment to try next, after what has happened. Pure: rules on the errors' own words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from classifier.value import value
from router.core.types import Deployment, Reason, Route
from router.errors import UpstreamError, UpstreamTimeout


@value
class Step:
    """A deployment that the plan allows, and the route it belongs to."""

    deployment: str
    route: Route


@dataclass(frozen=True, slots=True)
class Failed:
    """A step that was tried and what came of it."""

    step: Step
    error: UpstreamError


def next_step(
    plan: Sequence[Step],
    failed: Sequence[Failed],
    pool: Mapping[str, Deployment],
    is_available: Callable[[str], bool],
    max_attempts: int,
) -> Step | None:
    """Choose the next deployment to call; None where nothing is left to try.

    Both ``retry`` and ``elsewhere`` go to another deployment of the same model; where there is none, ``retry`` goes once
    more to the same one. Then, as after ``fall_back``, to the next model of the plan.
    """
    if len(failed) >= max_attempts:
        return None
    if not failed:
        return _first_available(plan, is_available)
    last = failed[-1]
    if last.error.next_step == "give_up":
        return None
    tried = [failure.step.deployment for failure in failed]
    if last.error.next_step == "fall_back":
        return next_model(plan, tried, pool, is_available)
    if 1 < len(failed) == max_attempts - 1 and (other := next_model(plan, tried, pool, is_available)) is not None:
        return other  # a large group that fails as one leaves the last attempt to another model
    twin = _twin(plan, tried, pool, is_available)
    if twin is not None:
        return twin
    is_again = last.error.next_step == "retry" and tried.count(last.step.deployment) == 1
    if is_again and is_available(last.step.deployment):
        return last.step
    return next_model(plan, tried, pool, is_available)


def has_another(
    plan: Sequence[Step], tried: Sequence[str], pool: Mapping[str, Deployment], is_available: Callable[[str], bool]
) -> bool:
    """Whether another deployment could be asked if the last one tried does not answer in time."""
    model, models_tried = pool[tried[-1]].model, {pool[name].model for name in tried}
    for step in plan:  # once, for a twin or another model: every call that is not streamed asks
        name = step.deployment
        may_follow = pool[name].model == model or pool[name].model not in models_tried
        if may_follow and name not in tried and is_available(name):
            return True
    return False


def _first_available(plan: Sequence[Step], is_available: Callable[[str], bool]) -> Step | None:
    for step in plan:
        if is_available(step.deployment):
            return step
    return None


def _twin(
    plan: Sequence[Step], tried: Sequence[str], pool: Mapping[str, Deployment], is_available: Callable[[str], bool]
) -> Step | None:
    """An untried deployment of the model that was tried last; None where there is none."""
    model = pool[tried[-1]].model
    for step in plan:
        name = step.deployment
        if pool[name].model == model and name not in tried and is_available(name):
            return step
    return None


def next_model(
    plan: Sequence[Step], tried: Sequence[str], pool: Mapping[str, Deployment], is_available: Callable[[str], bool]
) -> Step | None:
    """The first deployment of the plan with a model of which nothing was tried; None where there is none."""
    models_tried = {pool[name].model for name in tried}
    for step in plan:
        if pool[step.deployment].model not in models_tried and is_available(step.deployment):
            return step
    return None


def fallback_reason(
    plan: Sequence[Step], answered: Step, failed: Sequence[Failed], pool: Mapping[str, Deployment]
) -> Reason | None:
    """Why another model answered than the one meant; None where the meant one did."""
    if pool[answered.deployment].model == pool[plan[0].deployment].model:
        return None
    if not failed:
        return Reason.FALLBACK_UNAVAILABLE
    return Reason.FALLBACK_TIMEOUT if isinstance(failed[0].error, UpstreamTimeout) else Reason.FALLBACK_ERROR
