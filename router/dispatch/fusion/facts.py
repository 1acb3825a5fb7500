"""What is said of a run: the ``router.fusion`` object of a reply, a stream's last chunk, the record and the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from router.core.analysis import Analysis, with_names
from router.core.cost import total_cost_usd
from router.core.frame import Frame
from router.core.fusion import Exposure, FusionMode
from router.core.rounding import rounded
from router.core.spend import bill
from router.core.types import Deployment
from router.core.verdict import Verdict
from router.dispatch.fusion.calls import RunCalls
from router.dispatch.fusion.order import Panelist, RunOrder, RunStatus
from router.dispatch.web import Source


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run, as far as it has come."""

    order: RunOrder
    calls: RunCalls
    mode: FusionMode
    status: RunStatus
    panelists: Sequence[Panelist]
    verdict: Verdict | None
    analysis: Analysis | None
    frame: Frame | None
    panel_s: float
    judge_s: float


def run_facts(run: RunFacts, expose: Exposure) -> dict[str, Any]:
    """The run's facts. ``expose`` says how much of what members and judge wrote goes with them."""
    pool, judge = run.calls.dispatcher.pool, run.calls.plan.judge
    members = {panelist.member.deployment for panelist in run.panelists}
    facts: dict[str, Any] = {
        "run_id": run.order.run_id,
        "mode": run.mode,
        "status": run.status,
        "panel": [_panelist(panelist, pool[panelist.member.deployment]) for panelist in run.panelists],
        "judge": pool[judge].model if judge is not None and run.frame is not None else None,
        "judge_on_panel": judge in members if judge is not None else False,
        "agreement": rounded(run.verdict.agreement, 1e4) if run.verdict is not None else None,
        "analysis": _analysis(run) if expose != "none" else None,
        "failed_models": [
            _failed(panelist, pool[panelist.member.deployment]) for panelist in run.panelists if not panelist.usable
        ],
        "given_up": list(run.calls.plan.given_up),
        "sources": _sources(run.panelists),
        "panel_ms": rounded(run.panel_s * 1000, 1e3),
        "judge_ms": rounded(run.judge_s * 1000, 1e3),
        "cost": bill(run.calls.attempts, pool, _late(run)),
    }
    if expose == "full":
        facts["responses"] = responses_of(run)
    return facts


def responses_of(run: RunFacts) -> list[dict[str, Any]]:
    """Every candidate, with who wrote it."""
    pool = run.calls.dispatcher.pool
    return [
        {"label": panelist.label or None, "model": pool[panelist.member.deployment].model, "content": panelist.text}
        for panelist in run.panelists
        if panelist.usable
    ]


def _panelist(panelist: Panelist, deployment: Deployment) -> dict[str, Any]:
    return {
        "label": panelist.label or None,
        "deployment": deployment.name,
        "model": deployment.model,
        "status": panelist.status,
        "ms": rounded(sum(call.duration_s for call in panelist.calls) * 1000, 1e3),
        "cost_usd": total_cost_usd(call.cost_usd for call in panelist.calls),
        "tool_calls": panelist.tool_calls,
        "sources": _sources([panelist]),
    }


def _sources(panelists: Sequence[Panelist]) -> list[dict[str, Any]]:
    """What members were shown of the web, each address once; ``read`` where anybody read the page itself."""
    found: dict[str, Source] = {}
    for source in (source for panelist in panelists for source in panelist.sources.values()):
        if source.url not in found or source.read:
            found[source.url] = source
    return [{"title": source.title, "url": source.url, "read": source.read} for source in found.values()]


def _failed(panelist: Panelist, deployment: Deployment) -> dict[str, Any]:
    error = panelist.error
    return {
        "model": deployment.model,
        "error": panelist.failure or panelist.status,
        "status_code": getattr(error, "upstream_status", None) or (error.status if error is not None else None),
    }


def _analysis(run: RunFacts) -> dict[str, Any] | None:
    if run.analysis is None:
        return None
    pool = run.calls.dispatcher.pool
    names = {panelist.label: pool[panelist.member.deployment].model for panelist in run.panelists if panelist.label}
    return with_names(run.analysis, names).facts()


def _late(run: RunFacts) -> frozenset[int]:
    """Lines of members that were cut off because the panel was over, and of a judge whose time was."""
    cut = {
        id(call) for panelist in run.panelists if panelist.status != "cancelled" for call in panelist.calls
        if call.outcome == "aborted"
    }  # fmt: skip
    goes_on = run.status != "failed"  # it was no hang-up that cut them off
    return frozenset(
        index
        for index, call in enumerate(run.calls.attempts)
        if id(call) in cut or (goes_on and call.outcome == "aborted")
    )
