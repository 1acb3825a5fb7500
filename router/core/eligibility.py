"""Who may and can answer: the caller's lists, capabilities, context windows. Closed where something is known to be missing."""

from collections.abc import Mapping, Sequence

from router.core.ask import Controls
from router.core.prompt import Prompt
from router.core.types import Deployment, Reason, Route
from router.errors import BadControl, CapabilityUnavailable, ContextTooLong


def missing_need(prompt: Prompt, deployment: Deployment) -> Reason | None:
    """Why a deployment is known not to be able to answer; None where it can, or where nothing is known."""
    if prompt.needs:
        for capability, reason in _NEED_REASONS.items():
            if capability in prompt.needs and deployment.supports.get(capability) is False:
                return reason
    if prompt.shape and prompt.shape & deployment.refuses:
        return Reason.FORCED_BY_CALLER
    if deployment.context_window is None:
        return None
    room = prompt.input_tokens
    if prompt.max_output_tokens:
        room += min(prompt.max_output_tokens, deployment.max_output_tokens or prompt.max_output_tokens)
    return Reason.CONTEXT_WINDOW if room > deployment.context_window else None


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
) -> tuple[dict[Route, tuple[str, ...]], Reason]:
    """Keep who may and can answer, unknown support last; and say what stood against the wanted route."""
    obstacle = Reason.FORCED_BY_CALLER
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
                obstacle = missing
        if prompt.needs:
            kept.sort(key=lambda name: _unknowns(prompt, deployments[name]))
        able[route] = tuple(kept)
    return able, obstacle


def is_allowed(name: str, controls: Controls) -> bool:
    """Whether the caller's lists let a deployment answer."""
    return name not in controls.exclude and (not controls.models or name in controls.models)


def _unknowns(prompt: Prompt, deployment: Deployment) -> int:
    return sum(capability not in deployment.supports for capability in prompt.needs)


def refuse_if_empty(names: Sequence[str], obstacle: Reason, prompt: Prompt) -> None:
    """Say why nobody is left.

    Raises:
        ContextTooLong, BadControl, CapabilityUnavailable: by what stood in the way.
    """
    if names:
        return
    if obstacle is Reason.CONTEXT_WINDOW:
        most = prompt.max_output_tokens or 0
        raise ContextTooLong(
            f"The request needs about {prompt.input_tokens + most} tokens, {most} of them for the answer: more than any "
            f"allowed deployment's context window. Shorten the messages or lower {prompt.limited_by}.",
            param=prompt.limited_by if most > prompt.input_tokens else "messages",
        )
    if obstacle is Reason.FORCED_BY_CALLER and not prompt.shape:
        raise BadControl(
            "`router.models` and `router.exclude` leave no deployment of the route. Allow one that the route uses.",
            param="router.models",
        )
    raise CapabilityUnavailable(
        f"No allowed deployment supports what the request needs ({', '.join(sorted(prompt.needs | prompt.shape))}).",
        param=_PARAMS.get(obstacle) or min(prompt.shape, default="messages"),
    )
