"""A decision in full, and in words: what dry runs answer."""

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from classifier import Classifier
from classifier.assessment import Assessment
from router.consider import Asked, Consideration, consider, new_draft
from router.core.ask import Ask
from router.core.budget import estimate_cost_usd, output_tokens_of
from router.core.decision import Decision, decide, estimate_routes_usd
from router.core.flips import what_would_flip
from router.core.policy import Thresholds
from router.core.types import Mode, Reason
from router.errors import GatewayError
from router.pipeline import Exchange, Services, defect

WORDS: dict[str, str] = {
    Reason.BELOW_THRESHOLD: "the small model's answer is likely good enough",
    Reason.ABOVE_THRESHOLD: "the small model's answer is likely not good enough, and the strong one gains enough",
    Reason.UNCERTAIN: "too close to the threshold to be sure, so the strong model answers",
    Reason.NOVEL_INPUT: "unlike what the classifier was trained on, so the strong model answers",
    Reason.FORCED_BY_CALLER: "the caller asked for it, by a name, a list, or a field that the other route's providers do not have",
    Reason.FORCED_BY_POLICY: "the config's alias asks for it",
    Reason.CAPABILITY_VISION: "the other route's models cannot read the images or audio",
    Reason.CAPABILITY_TOOLS: "the other route's models cannot call tools",
    Reason.CAPABILITY_JSON: "the other route's models cannot keep to a JSON schema",
    Reason.CONTEXT_WINDOW: "the request does not fit the other route's context windows",
    Reason.SESSION_PINNED: "the session stays on its model",
    Reason.TURN_PINNED: "the tool loop stays on the model that began the turn",
    Reason.FOLLOWUP_INHERITS: "a short follow-up takes the route of the turn it continues",
    Reason.BUDGET_DOWNGRADE: "the other route is estimated above max_cost_usd",
    Reason.CLASSIFIER_UNAVAILABLE: "no classifier, so the strong model answers",
    Reason.FUSION_WORTHWHILE: "hard, and of a kind where several models do better than one",
    Reason.FUSION_NOT_WORTHWHILE: "a panel was asked for, or would have paid, but answers to such a request cannot be merged",
    Reason.DIRECT: "the caller named this deployment",
}


async def answer_route(services: Services, exchange: Exchange) -> None:
    """A dry run over the wire: read and refused as the real thing is, answered without calling anybody, not recorded."""
    draft = new_draft(services, "route")
    try:
        request = exchange.parse(await exchange.receive(draft))
        considered = consider(
            services, request, draft, exchange.session_header, explain=True, fusion_depth=exchange.fusion_depth
        )
        await exchange.reply(draft, explanation(considered, services))
    except GatewayError as error:
        await exchange.fail(draft, error)
    except Exception:
        await exchange.fail(draft, defect(draft))


def explanation(considered: Consideration, services: Services) -> dict[str, Any]:
    """A decision in full."""
    asked, assessed, decision = considered.asked, considered.assessed, considered.decision
    assessment, policy = decision.assessment, asked.policy

    def decide_again(assessment: Assessment | None, mode: Mode, ask: Ask = asked.ask) -> Decision:
        controls = replace(asked.controls, mode=mode)
        return decide(asked.prompt, assessment, ask, controls, policy, assessed.recalled, assessed.previous, asked.wish)

    estimates = estimate_routes_usd(decision, asked.prompt, policy)
    if policy.fusion.controls.panel and decision.route not in ("fusion", "direct"):
        fused = decide_again(assessment, decision.mode, Ask("fusion"))
        if fused.panel:
            estimates["fusion"] = fused.run_usd
    return {
        "route": decision.route,
        "reason": decision.reason,
        "reason_in_words": _why(decision, policy.thresholds[decision.mode]),
        "mode": decision.mode,
        "model": policy.deployments[decision.plan[0].deployment].model,
        "plan": [{"deployment": step.deployment, "route": step.route} for step in decision.plan],
        "panel": [policy.deployments[member.deployment].model for member in decision.panel],
        **(_judged(assessment, policy.thresholds[decision.mode]) if assessment else {"complexity": None}),
        "estimated_cost_usd": estimates,
        "deployments": _deployments(asked, assessment),
        "input_tokens": asked.prompt.input_tokens,
        "is_followup": asked.prompt.is_followup,
        "would_flip": [asdict(flip) for flip in what_would_flip(decision, policy, decide_again)],
        "certificate": policy.certificate.facts(decision.mode) if policy.certificate else None,
        **_promise(decision.mode, asked, services.now()),
        "policy": policy.version,
    }


def _promise(mode: Mode, asked: Asked, now_s: float) -> dict[str, Any]:
    """What the thresholds promise of the artifact in use today, and what is doubtful about that."""
    certificate, assessor = asked.policy.certificate, asked.assessor
    if certificate is None or assessor is None:
        return {"promise": None, "promise_doubts": []}
    judge, today = assessor.artifact, datetime.fromtimestamp(now_s, UTC).date()
    return {"promise": certificate.in_words(mode, judge, today), "promise_doubts": certificate.doubts(judge, today)}


def _why(decision: Decision, thresholds: Thresholds) -> str:
    """The reason in words; where either number may have been the one, which it was."""
    assessment = decision.assessment
    if decision.reason is Reason.ABOVE_THRESHOLD and assessment is not None:
        if assessment.complexity < thresholds.complexity:
            return "the small model's answer is likely good enough, but the strong one gains enough"
        if assessment.gain < thresholds.gain:
            return "the small model's answer is likely not good enough"
    return WORDS.get(decision.reason, decision.reason)


def in_words(found: dict[str, Any]) -> str:
    """An explanation for a terminal."""
    lines = [f"{found['route']}: {found['model']}", f"  because {found['reason_in_words']} ({found['reason']})"]
    if found["complexity"] is not None:
        limits = found["thresholds"]
        lines += [
            f"  complexity {found['complexity']:.3f}, threshold {limits['complexity']:.3f} in mode {found['mode']}",
            f"  gain       {found['gain']:+.3f}, threshold {_limit(limits['gain'])}; "
            f"novelty {found['novelty']:.3f}, threshold {limits['novelty']:.3f}",
            f"  task {found['task']}, about {found['expected_output_tokens']} tokens of answer, "
            f"judged by {found['classifier']}",
        ]
        if found["judged_by_instructions"]:
            lines.append("  the system message's task was judged: the human turn asks nothing by itself")
        lines.append("  what moved its complexity:")
        lines += [_pushed(part["name"], part["weight"]) for part in found["contributions"][:8]]
    for route, cost in found["estimated_cost_usd"].items():
        lines.append(f"  {route} would cost about {_dollars(cost)}")
    lines += [
        f"  {each['deployment']} ({each['model']}) would answer well with {each['success']:.0%}, for about "
        f"{_dollars(each['estimated_cost_usd'])}" + (f"; judged as {each['known_as']}" if not each["exact"] else "")
        for each in found["deployments"]
        if each["success"] is not None
    ]
    lines += [f"  otherwise: {flip['words']}" for flip in found["would_flip"]]
    if found["promise"] is not None:
        lines.append(f"  promise: {found['promise']}")
        lines += [f"  but {doubt}" for doubt in found["promise_doubts"] if doubt not in found["promise"]]
    return "\n".join(lines)


def _deployments(asked: Asked, assessment: Assessment | None) -> list[dict[str, Any]]:
    """What each deployment would cost and how likely it answers well; None where nobody knows."""
    prompt, assessor = asked.prompt, asked.assessor
    tokens, found = output_tokens_of(prompt, assessment), []
    for name, deployment in asked.policy.deployments.items():
        known = assessor.known_model(deployment.model, deployment.like) if isinstance(assessor, Classifier) else None
        found.append(
            {
                "deployment": name,
                "model": deployment.model,
                "estimated_cost_usd": estimate_cost_usd(prompt, tokens, deployment),
                "success": float(known.ability.success([assessment])[0]) if known and assessment else None,
                "known_as": known.name if known else None,
                "exact": known.exact if known else None,
            }
        )
    return found


def _dollars(cost_usd: float | None) -> str:
    return "an unknown amount" if cost_usd is None else f"${cost_usd:.6f}"


def _judged(assessment: Assessment, thresholds: Thresholds) -> dict[str, Any]:
    return {
        "complexity": assessment.complexity,
        "gain": assessment.gain,
        "task": assessment.task,
        "novelty": assessment.novelty,
        "closed_answer": assessment.closed_answer,
        "judged_by_instructions": assessment.is_by_instructions,
        "expected_output_tokens": assessment.expected_output_tokens,
        "classifier": assessment.artifact,
        "contributions": [{"name": part.name, "weight": part.weight} for part in assessment.contributions],
        "thresholds": {
            "complexity": thresholds.complexity,
            "gain": thresholds.gain,
            "band": thresholds.band,
            "novelty": thresholds.novelty,
        },
    }


def _limit(threshold: float) -> str:
    return f"{threshold:+.3f}" if threshold <= 1 else "off"


def _pushed(name: str, weight: float) -> str:
    return f"    {weight:+.2f}  {'harder' if weight > 0 else 'easier'}: {name}"
