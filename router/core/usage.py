"""Token counts: read from OpenAI's ``usage`` object, added up, and written back for the caller."""

from collections.abc import Sequence
from typing import Any

from router.core.types import Usage


def read_usage(value: Any) -> Usage | None:
    """Read a ``usage`` object; None where there is none or it is unusable. Never raises.

    Providers differ in where they put cached tokens: OpenAI in ``prompt_tokens_details.cached_tokens``, DeepSeek
    in ``prompt_cache_hit_tokens``; Anthropic's cache writes arrive as ``cache_creation_input_tokens``.
    """
    if not isinstance(value, dict) or not value:
        return None
    prompt = value.get("prompt_tokens_details")
    completion = value.get("completion_tokens_details")
    prompt = prompt if isinstance(prompt, dict) else {}
    completion = completion if isinstance(completion, dict) else {}
    return Usage(
        input_tokens=_count(value.get("prompt_tokens")),
        output_tokens=_count(value.get("completion_tokens")),
        cached_tokens=_count(prompt.get("cached_tokens") or value.get("prompt_cache_hit_tokens")),
        cache_write_tokens=_count(prompt.get("cache_creation_tokens") or value.get("cache_creation_input_tokens")),
        reasoning_tokens=_count(completion.get("reasoning_tokens")),
    )


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


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
