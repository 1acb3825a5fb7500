"""The values that pass down the hallway: what a deployment is, what was decided, what a call used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from classifier.value import value

Route = Literal["small", "strong", "fusion", "direct"]
Mode = Literal["cost", "balanced", "quality"]
Stage = Literal["answer", "panel", "judge", "retry", "shadow"]
Capability = Literal["vision", "audio", "tools", "json_schema"]

MODES: tuple[Mode, ...] = ("cost", "balanced", "quality")


class Reason(StrEnum):
    """Why a route was taken. Closed set: it is also a Prometheus label."""

    BELOW_THRESHOLD = "below_threshold"
    ABOVE_THRESHOLD = "above_threshold"
    UNCERTAIN = "uncertain"
    NOVEL_INPUT = "novel_input"
    FORCED_BY_CALLER = "forced_by_caller"
    FORCED_BY_POLICY = "forced_by_policy"
    CAPABILITY_VISION = "capability_vision"
    CAPABILITY_TOOLS = "capability_tools"
    CAPABILITY_JSON = "capability_json"
    CONTEXT_WINDOW = "context_window"
    SESSION_PINNED = "session_pinned"
    TURN_PINNED = "turn_pinned"
    FOLLOWUP_INHERITS = "followup_inherits"
    BUDGET_DOWNGRADE = "budget_downgrade"
    FUSION_WORTHWHILE = "fusion_worthwhile"
    FUSION_NOT_WORTHWHILE = "fusion_not_worthwhile"
    FALLBACK_ERROR = "fallback_error"
    FALLBACK_TIMEOUT = "fallback_timeout"
    FALLBACK_UNAVAILABLE = "fallback_unavailable"
    CLASSIFIER_UNAVAILABLE = "classifier_unavailable"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Price:
    """What a model charges, in USD per single token.

    ``None`` means the provider has no price of its own for that kind: cached input and cache writes then cost
    as input, reasoning costs as output. Audio then costs as text does, and a cache write that lives for an hour as any.

    Attributes:
        source: where the price is from, e.g. ``litellm 1.109.1`` or ``config``.
        above_tokens: prompts with more input tokens than this are charged by ``above`` throughout.
        tiers: what a call costs that was served in a service tier; one that is not here is charged as any other call.
    """

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None
    reasoning: float | None = None
    source: str = "config"
    above_tokens: int | None = None
    above: "Price | None" = None
    audio_input: float | None = None
    cached_audio_input: float | None = None
    audio_output: float | None = None
    cache_write_1h: float | None = None
    tiers: Mapping[str, "Price"] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Deployment:
    """One place that can serve a model, as the core sees it: no address, no key.

    Attributes:
        name: the pool's key, e.g. ``small``.
        model: provider-prefixed id, e.g. ``openai/gpt-6-luna``; deployments of one model form a group.
        price: None where unknown; such calls are ``unpriced``, never free.
        context_window: tokens of prompt and answer together; None where unknown.
        max_output_tokens: None where unknown.
        supports: True, False, or absent where unknown.
        refuses: fields of a request that its provider is known not to have; see ``Prompt.shape``.
        like: a known model that it is declared to answer like; None where nothing is declared.
    """

    name: str
    model: str
    price: Price | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    supports: Mapping[Capability, bool] = field(default_factory=dict)
    like: str | None = None
    refuses: frozenset[str] = frozenset()


@value
class Special:
    """What few calls have, and what then has a price of its own. The tokens are part of the usage's own counts.

    Attributes:
        tier: the service tier that the provider's reply names; empty where it is the usual one.
        cached_audio_tokens: part of the audio input and of the cached tokens.
        cache_write_1h_tokens: part of the cache-writing tokens: those that stay for an hour, not for five minutes.
    """

    tier: str = ""
    audio_input_tokens: int = 0
    cached_audio_tokens: int = 0
    audio_output_tokens: int = 0
    cache_write_1h_tokens: int = 0

    def __add__(self, other: "Special") -> "Special":
        """Add kind by kind. Only calls of one tier have it together."""
        return Special(
            self.tier if self.tier == other.tier else "",
            self.audio_input_tokens + other.audio_input_tokens,
            self.cached_audio_tokens + other.cached_audio_tokens,
            self.audio_output_tokens + other.audio_output_tokens,
            self.cache_write_1h_tokens + other.cache_write_1h_tokens,
        )


@value
class Usage:
    """Tokens of one call, or of several added up.

    ``input_tokens`` contains the cached and the cache-writing ones, ``output_tokens`` the reasoning ones.
    ``estimated`` is True where the provider reported nothing and we counted; ``special`` is None for most calls.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    special: Special | None = None

    def __add__(self, other: "Usage") -> "Usage":
        """Add kind by kind; a sum with an estimate in it is an estimate."""
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.estimated or other.estimated,
            self.special + other.special if self.special and other.special else self.special or other.special,
        )


@value
class Attempt:
    """One call to one deployment, as it ended.

    Attributes:
        outcome: ``ok``, an error code, or ``aborted``.
        duration_s: from sending to the last byte; waiting for the provider is all of it.
        began_s: when it was sent, on the clock of the record's ``began_s``.
        usage: None where the call cannot have cost anything (refused, unreachable).
        cost_usd: None where nothing was used or the model is unpriced.
        changes: fields of the request that this call had otherwise, with what was sent, None for those left out; None
            where it went as it came.
        is_plain: it was served in a tier whose price is not known, and is charged as any other call.
    """

    deployment: str
    model: str
    stage: Stage
    outcome: str
    duration_s: float
    usage: Usage | None = None
    cost_usd: float | None = None
    began_s: float = 0.0
    changes: Mapping[str, Any] | None = field(default=None, hash=False)
    is_plain: bool = False
