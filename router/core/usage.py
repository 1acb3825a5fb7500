"""Token counts: read from OpenAI's ``usage`` object, added up, and written back for the caller."""

from collections.abc import Sequence
from typing import Any

from router.core.types import Usage

MOST_TOKENS = 2**40
"""A count above this is none: no call reads or writes a thousandth of it, and the ledger's whole numbers end at 2**63."""


def read_usage(value: Any) -> Usage | None:
    """Read a ``usage`` object; None where there is none or it counts neither prompt nor answer. Never raises.

    Providers differ in where they put cached tokens: OpenAI in ``prompt_tokens_details.cached_tokens``, DeepSeek
    in ``prompt_cache_hit_tokens``; Anthropic's cache writes arrive as ``cache_creation_input_tokens``. xAI counts
    reasoning beside the answer, where others count it as part of it: the total tells.
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
    reasoning = _count(completion.get("reasoning_tokens")) or 0
    if reasoning and value.get("total_tokens") == asked + written + reasoning:
        written += reasoning
    cached = _count(prompt.get("cached_tokens") or value.get("prompt_cache_hit_tokens")) or 0
    cache_written = _count(prompt.get("cache_creation_tokens") or value.get("cache_creation_input_tokens")) or 0
    return Usage(asked, written, cached, cache_written, reasoning)


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
    if total.reasoning_tokens or "completion_tokens_details" in kept:
        kept["completion_tokens_details"] = _merged(
            kept.get("completion_tokens_details"), "reasoning_tokens", total.reasoning_tokens
        )
    kept["cost"] = cost_usd
    return kept


def _merged(details: Any, key: str, count: int) -> dict[str, Any]:
    return {**(details if isinstance(details, dict) else {}), key: count}


def _count(value: Any) -> int | None:
    """A count; None where it is none. Some gateways write whole numbers with a point."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS else None
