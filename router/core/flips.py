"""What would have flipped a decision: the smallest changes under which another route answers. Pure.

Which route that is, ``decide`` itself says of each change: nothing is claimed that it would not do.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import inf, nextafter
from typing import Any, Literal

from classifier.assessment import Assessment
from router.core.decision import Decision
from router.core.policy import Policy, Thresholds
from router.core.types import MODES, Mode, Reason, Route

Change = Literal["assessment", "mode", "request"]

JUDGED = frozenset({Reason.BELOW_THRESHOLD, Reason.ABOVE_THRESHOLD, Reason.UNCERTAIN, Reason.NOVEL_INPUT})
"""Reasons that come from holding an assessment against thresholds."""

_BY_REQUEST: dict[Reason, str] = {
    Reason.FORCED_BY_CALLER: (
        "`model: auto` without a list in `router.models`, and without fields that a route's providers do not have "
        "(`n`, `logprobs`), lets the classifier decide"
    ),
    Reason.FORCED_BY_POLICY: "another `model` than this alias, or another target of the alias in the config",
    Reason.CAPABILITY_VISION: "without its images or audio the other route could answer",
    Reason.CAPABILITY_TOOLS: "without its tools the other route could answer",
    Reason.CAPABILITY_JSON: "without its JSON schema the other route could answer",
    Reason.CONTEXT_WINDOW: "a shorter conversation would fit the other route",
    Reason.SESSION_PINNED: "another `router.session_id`, or none, lifts the pin",
    Reason.TURN_PINNED: "the next message of a person ends the tool loop and is judged anew",
    Reason.FOLLOWUP_INHERITS: "a question that stands on its own is judged by itself",
    Reason.BUDGET_DOWNGRADE: "a higher `router.max_cost_usd` allows the other route",
    Reason.CLASSIFIER_UNAVAILABLE: "with an artifact that loads, easy prompts go to small",
    Reason.FUSION_WORTHWHILE: '`router: {"fusion": false}` asks one model',
    Reason.FUSION_NOT_WORTHWHILE: "without tools, with `n: 1`, and not from inside a run, the panel is asked",
    Reason.DIRECT: "`model: auto` lets the classifier decide",
}


@dataclass(frozen=True, slots=True)
class Flip:
    """One change under which another route answers.

    Attributes:
        by: what changes: the assessment's numbers (all that are named together), the mode, or the request.
        needs: bounds by name for ``assessment``, e.g. ``{"complexity": ">= 0.5"}``; the new mode for ``mode``.
        route: that answers then; None where it would be decided anew.
    """

    by: Change
    needs: dict[str, str]
    route: Route | None
    words: str


DecideAgain = Callable[[Assessment, Mode], Decision]
"""The same request decided with another assessment or in another mode."""


def what_would_flip(decision: Decision, policy: Policy, decide_again: DecideAgain) -> tuple[Flip, ...]:
    """The changes that would have led elsewhere, nearest cause first."""
    words = _BY_REQUEST.get(decision.reason)
    by_request = (Flip("request", {}, None, words),) if words else ()
    if decision.assessment is None:
        return by_request
    is_judged = decision.reason in JUDGED or decision.reason is Reason.FUSION_WORTHWHILE
    by_score = _other_scores(decision, decision.assessment, policy, decide_again) if is_judged else ()
    return (*by_score, *by_request, *_other_modes(decision, decision.assessment, decide_again))


def _other_scores(
    decision: Decision, assessment: Assessment, policy: Policy, decide_again: DecideAgain
) -> Iterable[Flip]:
    thresholds, fuses_from = policy.thresholds[decision.mode], policy.fusion.complexity.get(decision.mode, inf)
    changes = list(_up(thresholds) if decision.route == "small" else _down(assessment, thresholds))
    if decision.route == "fusion":
        changes.append({"complexity": ("<", fuses_from)})
    elif decision.route == "strong" and assessment.complexity < fuses_from <= 1:
        changes.append({"complexity": (">=", fuses_from)})
    for change in changes:
        then = decide_again(_changed(assessment, change), decision.mode).route
        if then != decision.route:
            bounds = {name: f"{sign} {bound:g}" for name, (sign, bound) in change.items()}
            words = " and ".join(f"{name} {bound}" for name, bound in bounds.items())
            yield Flip("assessment", bounds, then, f"{words} goes to {then}")


Bounds = dict[str, tuple[str, float]]
"""What has to be true of numbers of the assessment, all at once."""


def _up(thresholds: Thresholds) -> Iterable[Bounds]:
    """Each bound alone lifts a prompt beyond small."""
    for name, bound in (("complexity", thresholds.complexity), ("gain", thresholds.gain)):
        if bound - thresholds.band <= 1:
            yield {name: (">=", bound - thresholds.band)}
    if thresholds.novelty < 1:
        yield {"novelty": (">", thresholds.novelty)}


def _down(assessment: Assessment, thresholds: Thresholds) -> Iterable[Bounds]:
    """All bounds that are crossed have to be met at once."""
    needs: Bounds = {}
    for name, value, bound in (
        ("complexity", assessment.complexity, thresholds.complexity),
        ("gain", assessment.gain, thresholds.gain),
    ):
        if value >= bound - thresholds.band:
            needs[name] = ("<", bound - thresholds.band)
    if assessment.novelty > thresholds.novelty:
        needs["novelty"] = ("<=", thresholds.novelty)
    yield needs


def _changed(assessment: Assessment, change: Bounds) -> Assessment:
    """The assessment that meets the bounds by as little as a number can."""
    toward = {"<": -inf, ">": inf}
    values: dict[str, Any] = {
        name: nextafter(bound, toward[sign]) if sign in toward else bound for name, (sign, bound) in change.items()
    }
    return replace(assessment, **values)


def _other_modes(decision: Decision, assessment: Assessment, decide_again: DecideAgain) -> Iterable[Flip]:
    for mode in MODES:
        then = decide_again(assessment, mode).route
        if then != decision.route:
            yield Flip("mode", {"mode": mode}, then, f"mode {mode} goes to {then}")
