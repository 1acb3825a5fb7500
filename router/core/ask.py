"""What the caller asks of the router: the model name, and the ``router`` object of the body."""

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from math import isfinite
from typing import Any, Literal, cast

from classifier.value import value
from router.core.types import MODES, Mode
from router.errors import BadControl, ModelNotFound

AskKind = Literal["auto", "small", "strong", "fusion", "direct"]

MAX_SESSION_CHARS = 256
MAX_KEY_CHARS = 60
"""Of a key that is not known, to be looked at and repeated; a caller may write a megabyte."""

AUTO_NAMES = ("auto", "model-router", "openrouter/auto", "cloudflare/auto", "vllm-sr/auto", "MoM", "router")
"""Names that route. The others are what Azure AI Foundry, OpenRouter, Cloudflare and vLLM's router call it."""

FUSION_NAMES = ("fusion", "openrouter/fusion", "vllm-sr/fusion")
"""Names that force the panel."""

MODE_NAMES: Mapping[str, Mode] = {f"auto-{mode}": mode for mode in MODES}
ROUTE_NAMES = ("small", "strong")
RESERVED_NAMES = frozenset((*AUTO_NAMES, *FUSION_NAMES, *MODE_NAMES, *ROUTE_NAMES))


@value
class Ask:
    """What a model name means.

    Attributes:
        kind: route by complexity, force a route, or go straight to a deployment.
        mode: the mode that the name carries, if it does.
        deployment: the deployment's name where ``kind`` is ``direct``.
        by_policy: the operator's alias says so, not the caller.
    """

    kind: AskKind
    mode: Mode | None = None
    deployment: str | None = None
    by_policy: bool = False


@value
class Controls:
    """The ``router`` object, checked.

    Attributes:
        models: only these deployments may answer; empty allows all.
        exclude: these may not.
        max_cost_usd: no route estimated above this is taken.
        session_id: turns of one session stay on their model.
        fusion: the panel's own controls, not looked into here; false forbids it.
    """

    mode: Mode | None = None
    models: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    max_cost_usd: float | None = None
    session_id: str | None = None
    fusion: Mapping[str, Any] | bool | None = None


def read_ask(
    model: str,
    deployments: Collection[str],
    aliases: Mapping[str, str],
    *,
    fusion: bool = False,
    by_policy: bool = False,
) -> Ask:
    """Say what a model name means here.

    The fixed names come first, then deployments, then the config's aliases: a deployment named ``small`` does not
    take the route's name away.

    Raises:
        ModelNotFound: it means nothing; the message lists what is served.
    """
    if model in AUTO_NAMES:
        return Ask("auto", by_policy=by_policy)
    if model in MODE_NAMES:
        return Ask("auto", MODE_NAMES[model], by_policy=by_policy)
    if model in ROUTE_NAMES:
        return Ask(cast("AskKind", model), by_policy=by_policy)
    if model in FUSION_NAMES and fusion:
        return Ask("fusion", by_policy=by_policy)
    if model in deployments:
        return Ask("direct", deployment=model, by_policy=by_policy)
    if model in aliases and not by_policy:
        return read_ask(aliases[model], deployments, aliases, fusion=fusion, by_policy=True)
    served = [
        *AUTO_NAMES[:1],
        *MODE_NAMES,
        *ROUTE_NAMES,
        *(FUSION_NAMES[:1] if fusion else ()),
        *deployments,
        *aliases,
    ]
    raise ModelNotFound(
        f"The model {model[:100]!r} is not served here. Served: {', '.join(dict.fromkeys(served))}.", param="model"
    )


def read_controls(value: Any, names: Mapping[str, frozenset[str]], session_header: str | None = None) -> Controls:
    """Check the ``router`` object.

    Args:
        value: what the body holds under ``router``; None where it holds nothing.
        names: deployments by every name a caller may use for them: their own, or their model's.
        session_header: the ``x-session-id`` header; the body's ``session_id`` goes before it.

    Raises:
        BadControl: a key is unknown or a value wrong; ``param`` names it.
    """
    session = _session_of_header(session_header) if session_header else None
    if value is None:
        return Controls(session_id=session) if session else _NO_CONTROLS
    if not isinstance(value, dict):
        raise BadControl('`router` must be an object, e.g. {"mode": "cost"}.', param="router")
    unknown = [key for key in value if key not in _READERS]
    if unknown:
        key = unknown[0][:MAX_KEY_CHARS]
        near = get_close_matches(key, _READERS, 1)
        hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(_READERS)}."
        raise BadControl(f"`router.{key}` is not a control.{hint}", param=f"router.{key}")
    read = {key: _READERS[key](key, entry, names) for key, entry in value.items() if entry is not None}
    controls = Controls(**{"session_id": session, **read})
    if controls.models and not controls.models - controls.exclude:
        raise BadControl("`router.models` allows only what `router.exclude` forbids.", param="router.models")
    return controls


def _wrong(key: str, expected: str) -> BadControl:
    return BadControl(f"`router.{key}` must be {expected}.", param=f"router.{key}")


def _mode(key: str, value: Any, _names: Mapping[str, frozenset[str]]) -> Mode:
    if value not in MODES:
        raise _wrong(key, f"one of {', '.join(MODES)}")
    return cast("Mode", value)


def _deployments(key: str, value: Any, names: Mapping[str, frozenset[str]]) -> frozenset[str]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise _wrong(key, "a list of deployment or model names")
    missing = [name for name in value if name not in names]
    if missing:
        raise BadControl(
            f"`router.{key}` names {missing[0][:100]!r}, which is not in the pool. In the pool: {', '.join(names)}.",
            param=f"router.{key}",
        )
    return frozenset().union(*(names[name] for name in value))


def _usd(key: str, value: Any, _names: Mapping[str, frozenset[str]]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value <= 0:
        raise _wrong(key, "a number of US dollars above zero")
    return float(value)


def _session(key: str, value: Any, _names: Mapping[str, frozenset[str]]) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_SESSION_CHARS:
        raise _wrong(key, f"a string of 1 to {MAX_SESSION_CHARS} characters")
    return value


def _session_of_header(value: str) -> str:
    if len(value) > MAX_SESSION_CHARS:
        raise BadControl(f"`x-session-id` must be of 1 to {MAX_SESSION_CHARS} characters.", param="x-session-id")
    return value


def _fusion(key: str, value: Any, _names: Mapping[str, frozenset[str]]) -> Mapping[str, Any] | bool:
    if not isinstance(value, dict | bool):
        raise _wrong(key, "an object, true or false")
    return value


_NO_CONTROLS = Controls()
_READERS: Mapping[str, Callable[[str, Any, Mapping[str, frozenset[str]]], Any]] = {
    "mode": _mode,
    "models": _deployments,
    "exclude": _deployments,
    "max_cost_usd": _usd,
    "session_id": _session,
    "fusion": _fusion,
}
