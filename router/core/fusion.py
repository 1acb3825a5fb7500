"""How a fusion run goes: its controls and presets, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from classifier.value import value
from router.core.types import Deployment, Price

FusionMode = Literal["auto", "merge", "best_of", "debate", "vote"]
FusionPreset = Literal["quality", "budget", "fast"]
Exposure = Literal["none", "summary", "full"]

FUSION_MODES: tuple[FusionMode, ...] = ("auto", "merge", "best_of", "debate", "vote")
EXPOSURES: tuple[Exposure, ...] = ("none", "summary", "full")
MAX_PANEL = 8
"""Source: OpenRouter Fusion's documentation; replays gain nothing beyond four."""
MAX_TOOL_CALLS = 16
"""Source: OpenRouter Fusion's documentation."""
MAX_ROUNDS = 3
_TEXTS = ("analysis", "responses", "sources")

PRESET_NAMES: Mapping[str, FusionPreset] = MappingProxyType(
    {
        "quality": "quality",
        "budget": "budget",
        "fast": "fast",
        "general-high": "quality",
        "general-budget": "budget",
        "general-fast": "fast",
    }
)
"""Ours, and OpenRouter's names for the same wishes."""


@dataclass(frozen=True, slots=True)
class Member:
    """A seat on the panel. The same deployment may sit twice, with a temperature or a seed of its own."""

    deployment: str
    temperature: float | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class FusionControls:
    """How a run goes.

    Attributes:
        quorum: candidates needed; None means all but one.
        deadline_s: length of a stage at the most: the panel, a round of debate, the judge (of one that is streamed, until its
            first word). Source: twice the slowest member in replays.
        max_cost_usd: of the whole run; None means no cap.
        max_tool_calls: per panelist; 0 takes tools away. Source: OpenRouter Fusion's default.
        max_output_tokens: of each call; None leaves it to the caller's request.
        rounds: of revision, in ``debate``.
        early_exit: skip the judge when the candidates agree.
        events: send ``event: fusion.*`` in a stream; breaks clients that do not know them.
        expose: how much of the candidates the reply carries.
    """

    panel: tuple[Member, ...] = ()
    judge: str | None = None
    mode: FusionMode = "auto"
    preset: FusionPreset | None = None
    quorum: int | None = None
    deadline_s: float = 120.0
    max_cost_usd: float | None = None
    max_tool_calls: int = 4
    max_output_tokens: int | None = None
    rounds: int = 1
    early_exit: bool = True
    events: bool = False
    expose: Exposure = "summary"


@dataclass(frozen=True, slots=True)
class Preset:
    """What a preset changes; None leaves the config's value.

    Attributes:
        members: how many of the configured panel sit, the cheapest first.
        majority: the quorum is more than half, not all but one.
    """

    members: int | None = None
    majority: bool = False
    deadline_s: float | None = None
    max_tool_calls: int | None = None


PRESETS: Mapping[FusionPreset, Preset] = MappingProxyType(
    {
        "quality": Preset(),
        "budget": Preset(members=3, max_tool_calls=1),
        "fast": Preset(majority=True, deadline_s=30.0, max_tool_calls=0),
    }
)
"""Source: replays of recorded answers. Three members keep most of what four gain, and a majority as quorum keeps
accuracy while the wait falls to half of the slowest member's."""


@value
class FusionWish:
    """What a request says of fusion.

    Attributes:
        asked: True where the request wants it, False where it forbids it, None where it says nothing.
    """

    asked: bool | None
    controls: FusionControls


def without_texts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """A run's facts without anything that a model or a web page wrote: what may be kept where text may not."""
    kept = {key: value for key, value in facts.items() if key not in _TEXTS}
    if "panel" in kept:
        kept["panel"] = [{key: value for key, value in seat.items() if key not in _TEXTS} for seat in kept["panel"]]
    return kept


def cheapest_members(panel: Sequence[Member], count: int, pool: Mapping[str, Deployment]) -> tuple[Member, ...]:
    """The cheapest members by the price of output, in the panel's order; unpriced ones count as dear."""
    ranked = sorted(panel, key=lambda member: output_price(pool[member.deployment].price))[:count]
    return tuple(member for member in panel if member in ranked)[:count]


def output_price(price: Price | None) -> float:
    """USD per output token; infinite where unknown, so that the unknown never passes for cheap."""
    return price.output if price is not None else float("inf")
