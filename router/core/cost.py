"""What calls cost, and what the baseline would have cost. The only place where tokens become dollars."""

from collections.abc import Iterable

from router.core.rounding import rounded
from router.core.types import Price, Usage


def call_cost_usd(usage: Usage, price: Price) -> float:
    """Price one call.

    Cached and cache-writing tokens are part of the input, reasoning tokens part of the output; each kind is
    charged at its own price where the provider has one. A prompt longer than ``price.above_tokens`` is charged
    by ``price.above`` throughout, and a call of a service tier by the tier's own price where that is known.
    Source: the token accounting of OpenAI's ``usage`` object, which every dialect is brought to.
    """
    special = usage.special
    if special is not None:
        price = price.tiers.get(special.tier, price)
    while price.above is not None and price.above_tokens is not None and usage.input_tokens > price.above_tokens:
        price = price.above
    if not (usage.cached_tokens or usage.cache_write_tokens or usage.reasoning_tokens or special):
        # most calls; the general rule comes to the same, and takes three times as long
        return rounded(usage.input_tokens * price.input + usage.output_tokens * price.output, 1e12)
    cached = min(usage.cached_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - cached)
    reasoning = min(usage.reasoning_tokens, usage.output_tokens)
    cached_price = price.input if price.cached_input is None else price.cached_input
    write_price = price.input if price.cache_write is None else price.cache_write
    cost = (
        (usage.input_tokens - cached - written) * price.input
        + cached * cached_price
        + written * write_price
        + (usage.output_tokens - reasoning) * price.output
        + reasoning * (price.output if price.reasoning is None else price.reasoning)
    )
    if special is not None:
        spoken, heard = usage.output_tokens - reasoning, usage.input_tokens - cached - written
        cached_heard = min(special.cached_audio_tokens, cached)
        # what each kind costs beyond what it was charged with above
        for tokens, own, charged in (
            (min(special.audio_input_tokens - cached_heard, heard), price.audio_input, price.input),
            (cached_heard, price.cached_audio_input, cached_price),
            (min(special.audio_output_tokens, spoken), price.audio_output, price.output),
            (min(special.cache_write_1h_tokens, written), price.cache_write_1h, write_price),
        ):
            if own is not None and tokens > 0:
                cost += tokens * (own - charged)
    return rounded(cost, 1e12)


def counterfactual_cost_usd(answered: Usage, baseline: Price) -> float:
    """Estimate what the baseline would have charged for the same prompt and the same answer.

    The tokens of the one call that answered, kind by kind, at the baseline's prices: a request that the baseline
    itself answers at once therefore saves exactly nothing. Retries are not part of it: the baseline is taken to
    have answered at the first try, which keeps savings on the low side.
    """
    return call_cost_usd(answered, baseline)


def total_cost_usd(costs: Iterable[float | None]) -> float | None:
    """Add up what is known; None where no part is known."""
    known = [cost for cost in costs if cost is not None]
    if len(known) == 1:
        return known[0]  # most requests make one call
    return rounded(sum(known), 1e12) if known else None
