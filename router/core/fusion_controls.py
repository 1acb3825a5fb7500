"""Reading how a fusion run is to go: the ``router`` object's own words, and OpenRouter's plugin and tool.

What a request says goes before the preset it names, and that before the config. Keys of OpenRouter's forms that we
do not know are theirs to add, and are passed over; in our own object they are mistakes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from math import isfinite
from types import MappingProxyType
from typing import Any

from router.core.ask import MAX_KEY_CHARS, Ask
from router.core.fusion import (
    EXPOSURES,
    FUSION_MODES,
    MAX_PANEL,
    MAX_ROUNDS,
    MAX_TOOL_CALLS,
    PRESET_NAMES,
    PRESETS,
    FusionControls,
    FusionPreset,
    FusionWish,
    Member,
    Preset,
    cheapest_members,
)
from router.core.types import Deployment
from router.errors import BadControl

Names = Mapping[str, frozenset[str]]


def take_forms(body: dict[str, Any]) -> tuple[dict[str, Any], tuple[tuple[str, Any], ...]]:
    """Take OpenRouter's plugin and tool out of a body: they are for us, not for a provider.

    Returns:
        The body without them, and each form with the path of its object.
    """
    if "plugins" not in body and "tools" not in body:
        return body, ()
    kept, forms = dict(body), []
    for key, is_ours in (("plugins", _is_plugin), ("tools", _is_tool)):
        entries = body.get(key)
        if not isinstance(entries, list):
            continue
        for index, entry in enumerate(entries):
            if is_ours(entry):
                path = f"{key}[{index}]"
                forms.append((path, entry) if key == "plugins" else (f"{path}.parameters", entry.get("parameters")))
        rest = [entry for entry in entries if not is_ours(entry)]
        if len(rest) < len(entries):
            kept[key] = rest
            if not rest:
                del kept[key]
    if forms and "tools" not in kept:
        kept.pop("tool_choice", None)
        kept.pop("parallel_tool_calls", None)
    return kept, tuple(forms)


def read_fusion(
    value: Any, forms: Sequence[tuple[str, Any]], names: Names, base: FusionControls, pool: Mapping[str, Deployment]
) -> FusionWish:
    """Read what a request says of fusion.

    Args:
        value: what the body holds under ``router.fusion``.
        forms: OpenRouter's forms, as ``take_forms`` found them.
        names: deployments by every name a caller may use.
        base: the config's own.
        pool: for the prices, where a preset wants the cheapest members.

    Raises:
        BadControl: a key is unknown or a value wrong; ``param`` names it.
    """
    given: dict[str, Any] = {}
    for path, form in forms:
        given.update(_read_form(path, form, names))
    if isinstance(value, bool):
        value = {"enabled": value}
    if value is not None:
        given.update(_read_own("router.fusion", value, names))
    enabled = given.pop("enabled", True)
    asked = bool(enabled) if forms or value is not None else None
    return FusionWish(asked, _joined(base, given, pool))


def settle_ask(ask: Ask, wish: FusionWish, base: FusionControls) -> tuple[Ask, FusionWish]:
    """Bring together the model name and what else the request says of fusion.

    A deployment that is named beside a wish for fusion is the judge, as OpenRouter's outer model is, unless the
    request names another.

    Raises:
        BadControl: fusion is wanted, and the config has no panel.
    """
    if wish.asked and not base.panel:
        raise BadControl("Fusion is switched off here (`fusion.enabled` in the config).", param="router.fusion")
    if not wish.asked or ask.kind == "fusion":
        return ask, wish
    if ask.deployment is not None and wish.controls.judge == base.judge:
        wish = replace(wish, controls=replace(wish.controls, judge=ask.deployment))
    return Ask("fusion", ask.mode, by_policy=ask.by_policy), wish


def _joined(base: FusionControls, given: Mapping[str, Any], pool: Mapping[str, Deployment]) -> FusionControls:
    if not given and base.preset is None and (base.quorum or 0) <= len(base.panel):
        return base  # most requests say nothing of fusion
    name = given.get("preset", base.preset)
    preset = PRESETS[name] if name is not None else Preset()
    controls = base
    if preset.members is not None and "panel" not in given:
        controls = replace(controls, panel=cheapest_members(base.panel, preset.members, pool))
    if preset.deadline_s is not None:
        controls = replace(controls, deadline_s=min(preset.deadline_s, base.deadline_s))
    if preset.max_tool_calls is not None:
        controls = replace(controls, max_tool_calls=min(preset.max_tool_calls, base.max_tool_calls))
    controls = replace(controls, **given)
    size = len(controls.panel)
    if "quorum" in given and given["quorum"] > size:
        raise BadControl(
            f"`router.fusion.quorum` is {given['quorum']}, but the panel has {size} members.",
            param="router.fusion.quorum",
        )
    if preset.majority and "quorum" not in given:
        controls = replace(controls, quorum=size // 2 + 1)
    elif controls.quorum is not None:
        controls = replace(controls, quorum=min(controls.quorum, max(size, 1)))
    if base.max_cost_usd is not None and controls.max_cost_usd is not None:
        controls = replace(controls, max_cost_usd=min(base.max_cost_usd, controls.max_cost_usd))
    return controls


def _is_plugin(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("id") == "fusion"


def _is_tool(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("type") == "openrouter:fusion"


def _read_own(path: str, value: Any, names: Names) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadControl(f'`{path}` must be an object, e.g. {{"mode": "merge"}}, or false.', param=path)
    unknown = [key for key in value if key not in _READERS]
    if unknown:
        key = str(unknown[0])[:MAX_KEY_CHARS]
        near = get_close_matches(key, _READERS, 1)
        hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(_READERS)}."
        field = f"{path}.{key}"
        raise BadControl(f"`{field}` is not a control.{hint}", param=field)
    return {key: _READERS[key](f"{path}.{key}", entry, names) for key, entry in value.items() if entry is not None}


def _read_form(path: str, form: Any, names: Names) -> dict[str, Any]:
    """OpenRouter's own words for the same controls."""
    if form is None:
        return {}
    if not isinstance(form, dict):
        raise BadControl(f"`{path}` must be an object.", param=path)
    given = {}
    for theirs, ours in _THEIR_WORDS.items():
        if form.get(theirs) is not None:
            given[ours] = _READERS[ours](f"{path}.{theirs}", form[theirs], names)
    return given


_THEIR_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "enabled": "enabled",
        "preset": "preset",
        "analysis_models": "panel",
        "model": "judge",
        "max_tool_calls": "max_tool_calls",
        "max_completion_tokens": "max_output_tokens",
    }
)


def _wrong(field: str, expected: str) -> BadControl:
    return BadControl(f"`{field}` must be {expected}.", param=field)


def _one_of(allowed: Sequence[str]) -> Callable[[str, Any, Names], Any]:
    def read(field: str, value: Any, _names: Names) -> Any:
        if not isinstance(value, str) or value not in allowed:
            raise _wrong(field, f"one of {', '.join(allowed)}")
        return value

    return read


def _preset(field: str, value: Any, _names: Names) -> FusionPreset:
    if not isinstance(value, str) or value not in PRESET_NAMES:
        raise _wrong(field, f"one of {', '.join(PRESET_NAMES)}")
    return PRESET_NAMES[value]


def _deployment(field: str, value: Any, names: Names) -> str:
    if not isinstance(value, str):
        raise _wrong(field, "the name of a deployment or of its model")
    for name in (value, value.removeprefix("~"), f"openrouter/{value.removeprefix('~')}"):
        if name in names:
            return min(names[name])
    raise BadControl(
        f"`{field}` names {value[:100]!r}, which is not in the pool. In the pool: {', '.join(names)}.", param=field
    )


def _panel(field: str, value: Any, names: Names) -> tuple[Member, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_PANEL:
        raise _wrong(field, f"a list of 1 to {MAX_PANEL} deployments")
    return tuple(_member(f"{field}[{index}]", entry, names) for index, entry in enumerate(value))


def _member(field: str, value: Any, names: Names) -> Member:
    if not isinstance(value, dict):
        return Member(_deployment(field, value, names))
    unknown = [key for key in value if key not in ("model", "temperature", "seed")]
    if unknown:
        raise _wrong(f"{field}.{str(unknown[0])[:MAX_KEY_CHARS]}", "left out; known are model, temperature, seed")
    temperature, seed = value.get("temperature"), value.get("seed")
    return Member(
        _deployment(f"{field}.model", value.get("model"), names),
        None if temperature is None else _number(0, 2)(f"{field}.temperature", temperature, names),
        None if seed is None else _whole(0, 2**31)(f"{field}.seed", seed, names),
    )


def _whole(low: int, high: int) -> Callable[[str, Any, Names], int]:
    def read(field: str, value: Any, _names: Names) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _wrong(field, f"a whole number from {low} to {high}")
        return value

    return read


def _number(low: float, high: float) -> Callable[[str, Any, Names], float]:
    def read(field: str, value: Any, _names: Names) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not isfinite(value) or not low <= value <= high:
            raise _wrong(field, f"a number from {low:g} to {high:g}")
        return float(value)

    return read


def _above_zero(unit: str) -> Callable[[str, Any, Names], float]:
    def read(field: str, value: Any, names: Names) -> float:
        number = _number(0, 1e9)(field, value, names)
        if number == 0:
            raise _wrong(field, f"a number of {unit} above zero")
        return number

    return read


def _flag(field: str, value: Any, _names: Names) -> bool:
    if not isinstance(value, bool):
        raise _wrong(field, "true or false")
    return value


_READERS: Mapping[str, Callable[[str, Any, Names], Any]] = MappingProxyType(
    {
        "mode": _one_of(FUSION_MODES),
        "preset": _preset,
        "panel": _panel,
        "judge": _deployment,
        "quorum": _whole(1, MAX_PANEL),
        "deadline_s": _above_zero("seconds"),
        "max_cost_usd": _above_zero("US dollars"),
        "max_tool_calls": _whole(0, MAX_TOOL_CALLS),
        "max_output_tokens": _whole(1, 1 << 30),
        "rounds": _whole(1, MAX_ROUNDS),
        "early_exit": _flag,
        "events": _flag,
        "expose": _one_of(EXPOSURES),
        "enabled": _flag,
    }
)
