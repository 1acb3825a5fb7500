"""What would have flipped a decision: the smallest changes under which another route answers. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from classifier.assessment import Assessment
from router.core.policy import Decision, Policy, Thresholds, judge_thresholds
from router.core.types import MODES, Mode, Reason, Route

Change = Literal["assessment", "mode", "request"]

JUDGED = frozenset({Reason.BELOW_THRESHOLD, Reason.ABOVE_THRESHOLD, Reason.UNCERTAIN, Reason.NOVEL_INPUT})
"""Reasons that come from holding an assessment against thresholds."""

_BY_REQUEST: dict[Reason, str] = {
    Reason.FORCED_BY_CALLER: "`model: auto` without a list in `router.models` lets the classifier decide",
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


def what_would_flip(decision: Decision, policy: Policy) -> tuple[Flip, ...]:
    """The changes that would have led elsewhere, nearest cause first."""
    if decision.reason not in JUDGED or decision.assessment is None:
        words = _BY_REQUEST.get(decision.reason)
        return (Flip("request", {}, None, words),) if words else ()
    thresholds = policy.thresholds[decision.mode]
    by_score = _up(thresholds) if decision.route == "small" else _down(decision.assessment, thresholds)
    return (*by_score, *_other_modes(decision.route, decision.assessment, policy))


def _up(thresholds: Thresholds) -> Iterable[Flip]:
    """Each bound alone lifts a prompt to strong."""
    for name, bound, top in (("complexity", thresholds.complexity, 1.0), ("gain", thresholds.gain, 1.0)):
        least = bound - thresholds.band
        if least <= top:
            yield Flip(
                "assessment", {name: f">= {least:g}"}, "strong", f"a {name} of {least:.3f} or more goes to strong"
            )
    if thresholds.novelty < 1:
        needs = {"novelty": f"> {thresholds.novelty:g}"}
        yield Flip("assessment", needs, "strong", f"a novelty above {thresholds.novelty:.3f} goes to strong")


def _down(assessment: Assessment, thresholds: Thresholds) -> Iterable[Flip]:
    """All bounds that are crossed have to be met at once."""
    needs = {}
    for name, value, bound in (
        ("complexity", assessment.complexity, thresholds.complexity),
        ("gain", assessment.gain, thresholds.gain),
    ):
        if value >= bound - thresholds.band:
            needs[name] = f"< {bound - thresholds.band:g}"
    if assessment.novelty > thresholds.novelty:
        needs["novelty"] = f"<= {thresholds.novelty:g}"
    words = " and ".join(f"{name} {bound}" for name, bound in needs.items())
    yield Flip("assessment", needs, "small", f"{words} goes to small")


def _other_modes(route: Route, assessment: Assessment, policy: Policy) -> Iterable[Flip]:
    now: Route = "small" if route == "small" else "strong"
    modes: list[Mode] = [mode for mode in MODES if judge_thresholds(assessment, policy.thresholds[mode])[0] != now]
    for mode in modes:
        then = judge_thresholds(assessment, policy.thresholds[mode])[0]
        yield Flip("mode", {"mode": mode}, then, f"mode {mode} goes to {then}")
