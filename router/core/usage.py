"""Token counts: read from OpenAI's ``usage`` object, added up, and written back for the caller."""

from collections.abc import Mapping, Sequence
from typing import Any

from router.core.types import Special, Usage

MOST_TOKENS = 2**40
"""A count above this is none: no call reads or writes a thousandth of it, and the ledger's whole numbers end at 2**63."""

_USUAL_TIERS = ("default", "standard", "auto", "on_demand")
"""What providers call the tier of calls that ask for none: OpenAI, Anthropic, those who only repeat the request, Groq."""

_MAX_TIER = 30
"""Characters of a service tier's name; a longer word is none."""


def read_usage(value: Any, service_tier: Any = None) -> Usage | None:
    """Read a ``usage`` object; None where there is none or it counts neither prompt nor answer. Never raises.

    Providers differ in where they put cached tokens: OpenAI in ``prompt_tokens_details.cached_tokens``, DeepSeek
    in ``prompt_cache_hit_tokens``; cache writes in ``cache_creation_input_tokens`` (Anthropic) or among the details. xAI counts
    reasoning beside the answer, where others count it as part of it: the total tells.

    Args:
        value: as the provider wrote it.
        service_tier: of the reply that it came with; Anthropic's stands in the usage itself.
    """
    if not isinstance(value, dict) or not value:
        return None
    prompt = value.get("prompt_tokens_details")
    completion = value.get("completion_tokens_details")
    prompt = prompt if isinstance(prompt, dict) else {}
    completion = completion if isinstance(completion, dict) else {}
    asked, written = _count(value.get("prompt_tokens")), _count(value.get("completion_tokens"))
    if asked is None and written is None:
        return None
    asked, written = asked or 0, written or 0
    reasoning = completion.get("reasoning_tokens")
    reasoning = _count(reasoning) or 0 if reasoning else 0  # mostly nothing, which need not be looked at
    if reasoning and value.get("total_tokens") == asked + written + reasoning:
        written += reasoning
    cached = prompt.get("cached_tokens") or value.get("prompt_cache_hit_tokens")
    cached = _count(cached) or 0 if cached else 0
    kept = prompt.get("cache_creation_tokens") or value.get("cache_creation_input_tokens")
    kept = kept or prompt.get("cache_write_tokens")
    cache_written = _count(kept) or 0 if kept else 0
    tier = service_tier or value.get("service_tier")
    if (
        cache_written
        or (tier and tier not in _USUAL_TIERS)
        or prompt.get("audio_tokens")
        or completion.get("audio_tokens")
    ):
        special = _read_special(value, prompt, completion, tier)
        return Usage(asked, written, cached, cache_written, reasoning, special=special)
    return Usage(asked, written, cached, cache_written, reasoning)


def special_of(service_tier: Any) -> Special | None:
    """What is special about a call whose reply names a service tier and counts nothing."""
    tier = tier_named(service_tier)
    return Special(tier) if tier else None


def usage_with_tier(body: Mapping[str, Any]) -> Any:
    """A reply's ``usage`` as it came, with the service tier in it that the reply names beside it."""
    usage, tier = body.get("usage"), body.get("service_tier")
    return {**usage, "service_tier": tier} if tier and isinstance(usage, dict) else usage


def write_usage(usages: Sequence[Usage], answered: Any, cost_usd: float | None) -> dict[str, Any]:
    """The ``usage`` object for the caller: the sum of every call, with its cost in USD (null where it is not known).

    Fields of the answering provider that we do not count are kept as they came.
    """
    total = usages[0] if len(usages) == 1 else sum(usages, Usage())
    kept = dict(answered) if isinstance(answered, dict) else {}
    kept["prompt_tokens"] = total.input_tokens
    kept["completion_tokens"] = total.output_tokens
    kept["total_tokens"] = total.input_tokens + total.output_tokens
    if total.cached_tokens or "prompt_tokens_details" in kept:
        kept["prompt_tokens_details"] = _merged(kept.get("prompt_tokens_details"), "cached_tokens", total.cached_tokens)
    special = total.special
    if special is not None and special.audio_input_tokens:
        details = kept.get("prompt_tokens_details")
        kept["prompt_tokens_details"] = _merged(details, "audio_tokens", special.audio_input_tokens)
    if total.reasoning_tokens or "completion_tokens_details" in kept:
        kept["completion_tokens_details"] = _merged(
            kept.get("completion_tokens_details"), "reasoning_tokens", total.reasoning_tokens
        )
    if special is not None and special.audio_output_tokens:
        details = kept.get("completion_tokens_details")
        kept["completion_tokens_details"] = _merged(details, "audio_tokens", special.audio_output_tokens)
    kept["cost"] = cost_usd
    return kept


def _read_special(
    value: Mapping[str, Any], prompt: Mapping[str, Any], completion: Mapping[str, Any], tier: Any
) -> Special | None:
    """What has a price of its own beside the usual kinds.

    Anthropic tells how long its cache keeps what was written in ``cache_creation``, which litellm moves into the details.
    """
    kept = prompt.get("cache_creation_token_details") or value.get("cache_creation")
    found = Special(
        tier_named(tier),
        _count(prompt.get("audio_tokens")) or 0,
        _count(_of(prompt.get("cached_tokens_details"), "audio_tokens")) or 0,
        _count(completion.get("audio_tokens")) or 0,
        _count(_of(kept, "ephemeral_1h_input_tokens")) or 0,
    )
    return None if found == Special() else found


def tier_named(name: Any) -> str:
    """A service tier as prices know it; empty where it is the usual one, or no name of one."""
    if not isinstance(name, str) or len(name) > _MAX_TIER or not name.isascii() or not name.isidentifier():
        return ""
    return "" if name.lower() in _USUAL_TIERS else name.lower()


def _of(details: Any, key: str) -> Any:
    return details.get(key) if isinstance(details, dict) else None


def _merged(details: Any, key: str, count: int) -> dict[str, Any]:
    return {**(details if isinstance(details, dict) else {}), key: count}


def _count(value: Any) -> int | None:
    """A count; None where it is none. Some gateways write whole numbers with a point."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS else None
