"""What a request's calls come to, beside what the baseline would have asked for the answer."""

from collections.abc import Sequence

from classifier.value import value
from router.core.cost import counterfactual_cost_usd, total_cost_usd
from router.core.rounding import rounded
from router.core.types import Attempt, Price, Usage


@value
class Bill:
    """What a request has cost so far.

    Attributes:
        cost_usd: the sum over all priced calls; None where no call was priced.
        unpriced: some call has tokens but no known price: ``cost_usd`` is then a lower bound.
        baseline_cost_usd: the answer's tokens at the baseline's price, of one that a hang-up cut off as far as it came:
            the baseline's would have been cut off too; None without an answer or a price.
        savings_usd: what the baseline would have cost beyond ours, signed: what failed was spent for nothing. None
            where a side has no known price.
    """

    cost_usd: float | None
    unpriced: bool
    baseline_cost_usd: float | None
    savings_usd: float | None


def make_bill(attempts: Sequence[Attempt], answered: Usage | None, baseline: Price | None) -> Bill:
    """Add up.

    Args:
        attempts: every call made.
        answered: usage of the call that answered, or was answering when the caller hung up; None where there is none.
        baseline: its price; None where it has none, or could not have answered.
    """
    cost_usd = total_cost_usd([attempt.cost_usd for attempt in attempts])
    unpriced = None in [attempt.cost_usd for attempt in attempts if attempt.usage is not None]
    baseline_cost_usd = None
    if answered is not None and baseline is not None:
        baseline_cost_usd = counterfactual_cost_usd(answered, baseline)
    savings_usd = None
    if not unpriced and baseline is not None:
        savings_usd = rounded((baseline_cost_usd or 0.0) - (cost_usd or 0.0), 1e12)
    return Bill(cost_usd, unpriced, baseline_cost_usd, savings_usd)
