"""What calls cost, and what the baseline would have cost. The only place where tokens become dollars."""

from collections.abc import Iterable

from router.core.types import Price, Usage


def call_cost_usd(usage: Usage, price: Price) -> float:
    """Price one call.

    Cached and cache-writing tokens are part of the input, reasoning tokens part of the output; each kind is
    charged at its own price where the provider has one. A prompt longer than ``price.above_tokens`` is charged
    by ``price.above`` throughout.
    Source: the token accounting of OpenAI's ``usage`` object, which every dialect is brought to.
    """
    if price.above is not None and price.above_tokens is not None and usage.input_tokens > price.above_tokens:
        price = price.above
    cached = min(usage.cached_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - cached)
    reasoning = min(usage.reasoning_tokens, usage.output_tokens)
    return (
        (usage.input_tokens - cached - written) * price.input
        + cached * (price.input if price.cached_input is None else price.cached_input)
        + written * (price.input if price.cache_write is None else price.cache_write)
        + (usage.output_tokens - reasoning) * price.output
        + reasoning * (price.output if price.reasoning is None else price.reasoning)
    )


def counterfactual_cost_usd(answered: Usage, baseline: Price) -> float:
    """Estimate what the baseline would have charged for the same prompt and an answer of the same length.

    The prompt tokens of the call that answered and its visible answer tokens are priced on the baseline. Cached
    tokens count as plain input (another model's cache would have been cold), reasoning tokens are left out (they
    belong to the model that thought them).
    """
    visible = Usage(
        answered.input_tokens, answered.output_tokens - min(answered.reasoning_tokens, answered.output_tokens)
    )
    return call_cost_usd(visible, baseline)


def total_cost_usd(costs: Iterable[float | None]) -> float | None:
    """Add up what is known; None where no part is known."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known else None
