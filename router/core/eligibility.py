"""Who may and can answer: the caller's lists, capabilities, context windows. Closed where something is known to be missing."""

from collections.abc import Mapping, Sequence

from classifier.value import value
from router.core.ask import Controls
from router.core.prompt import Prompt
from router.core.types import Deployment, Reason, Route
from router.errors import BadControl, CapabilityUnavailable, ContextTooLong


@value
class Obstacle:
    """What stands against a deployment, or against all of a route's.

    Attributes:
        reason: as a decision gives it.
        refused: fields of the request that a provider is known not to have; empty where something else stands against it.
    """

    reason: Reason
    refused: frozenset[str] = frozenset()


def missing_need(prompt: Prompt, deployment: Deployment) -> Obstacle | None:
    """Why a deployment is known not to be able to answer; None where it can, or where nothing is known."""
    if prompt.needs:
        for capability, reason in _NEED_REASONS.items():
            if capability in prompt.needs and deployment.supports.get(capability) is False:
                return Obstacle(reason)
    refused = prompt.shape & deployment.refuses
    if refused:
        return Obstacle(Reason.FORCED_BY_CALLER, refused)
    if deployment.context_window is None:
        return None
    room = prompt.input_tokens
    if prompt.max_output_tokens:
        room += min(prompt.max_output_tokens, deployment.max_output_tokens or prompt.max_output_tokens)
    return Obstacle(Reason.CONTEXT_WINDOW) if room > deployment.context_window else None


_NEED_REASONS: Mapping[str, Reason] = {
    "vision": Reason.CAPABILITY_VISION,
    "audio": Reason.CAPABILITY_VISION,
    "tools": Reason.CAPABILITY_TOOLS,
    "json_schema": Reason.CAPABILITY_JSON,
}


_PARAMS: Mapping[Reason, str] = {
    Reason.CAPABILITY_VISION: "messages",
    Reason.CAPABILITY_TOOLS: "tools",
    Reason.CAPABILITY_JSON: "response_format",
}


def able_by_route(
    lists: Mapping[Route, Sequence[str]],
    wanted: Route,
    prompt: Prompt,
    controls: Controls,
    deployments: Mapping[str, Deployment],
    proven: str | None = None,
) -> tuple[dict[Route, tuple[str, ...]], Obstacle]:
    """Keep who may and can answer, unknown support last; and say what stood against the wanted route.

    ``proven`` is a deployment that has answered this turn before, whatever is known of it.
    """
    obstacle = Obstacle(Reason.FORCED_BY_CALLER)  # the caller's lists, where nobody is known to lack anything
    able: dict[Route, tuple[str, ...]] = {}
    for route, names in lists.items():
        kept = []
        for name in names:
            if not is_allowed(name, controls):
                continue
            missing = missing_need(prompt, deployments[name])
            if missing is None:
                kept.append(name)
            elif route == wanted:
                obstacle = Obstacle(missing.reason, obstacle.refused | missing.refused)
        if prompt.needs:
            kept.sort(key=lambda name: 0 if name == proven else _unknowns(prompt, deployments[name]))
        able[route] = tuple(kept)
    return able, obstacle


def is_allowed(name: str, controls: Controls) -> bool:
    """Whether the caller's lists let a deployment answer."""
    return name not in controls.exclude and (not controls.models or name in controls.models)


def _unknowns(prompt: Prompt, deployment: Deployment) -> int:
    return sum(capability not in deployment.supports for capability in prompt.needs)


def doubt(prompt: Prompt, deployment: Deployment) -> Reason | None:
    """The first need that the deployment is not known to meet, as a reason; None where it is known to meet all."""
    for capability, reason in _NEED_REASONS.items():
        if capability in prompt.needs and capability not in deployment.supports:
            return reason
    return None


def refuse_if_empty(names: Sequence[str], obstacle: Obstacle, prompt: Prompt) -> None:
    """Say why nobody is left.

    Raises:
        ContextTooLong, BadControl, CapabilityUnavailable: by what stood in the way.
    """
    if names:
        return
    if obstacle.reason is Reason.CONTEXT_WINDOW:
        most = prompt.max_output_tokens or 0
        raise ContextTooLong(  # "exceeds the context window" is how agents know that they should compact the conversation
            f"The request exceeds the context window of every deployment that may answer: it needs about "
            f"{prompt.input_tokens + most} tokens, {most} of them for the answer. Shorten the messages or lower {prompt.limited_by}.",
            param=prompt.limited_by if most > prompt.input_tokens else "messages",
        )
    if obstacle.reason is Reason.FORCED_BY_CALLER and not obstacle.refused:
        raise BadControl(
            "`router.models` and `router.exclude` leave no deployment of the route. Allow one that the route uses.",
            param="router.models",
        )
    raise CapabilityUnavailable(
        f"No allowed deployment supports what the request needs ({', '.join(sorted(prompt.needs | obstacle.refused))}).",
        param=_param(obstacle, prompt),
    )


def _param(obstacle: Obstacle, prompt: Prompt) -> str:
    """The field of the request that asks for what nobody can do."""
    if obstacle.reason is Reason.CAPABILITY_VISION and "vision" not in prompt.needs and "modalities" in prompt.shape:
        return "modalities"
    return _PARAMS.get(obstacle.reason) or min(obstacle.refused)
