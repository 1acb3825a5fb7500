"""What a request is estimated to cost before it is sent, and who is left within ``max_cost_usd``."""

from collections.abc import Callable, Iterable, Mapping

from classifier.assessment import Assessment
from router.core.ask import Controls
from router.core.cost import call_cost_usd
from router.core.prompt import Prompt
from router.core.types import Deployment, Usage
from router.errors import BudgetTooSmall

DEFAULT_OUTPUT_TOKENS = 500
"""Assumed where neither the caller nor an assessment says. Source: median answer of the recorded outcomes."""

EstimateOf = Callable[[str], float | None]
"""What one call to the deployment of that name would cost, in dollars; None where unpriced."""


def output_tokens_of(prompt: Prompt, assessment: Assessment | None) -> int:
    """How much is expected to be written, in tokens: every choice an answer, and none longer than the caller allows."""
    expected = assessment.expected_output_tokens if assessment is not None else DEFAULT_OUTPUT_TOKENS
    return min(expected, prompt.max_output_tokens or expected) * prompt.choices


def estimate_cost_usd(prompt: Prompt, output_tokens: int, deployment: Deployment) -> float | None:
    """What one call would cost there; None where unpriced."""
    if deployment.price is None:
        return None
    return call_cost_usd(Usage(prompt.input_tokens, output_tokens), deployment.price)


def estimator(prompt: Prompt, assessment: Assessment | None, deployments: Mapping[str, Deployment]) -> EstimateOf:
    """What this prompt would cost at each of them; nothing is computed until it is asked for."""
    tokens = output_tokens_of(prompt, assessment)
    return lambda name: estimate_cost_usd(prompt, tokens, deployments[name])


def affordable(names: Iterable[str], cost_of: EstimateOf, controls: Controls) -> tuple[str, ...]:
    """Who is estimated within the caller's budget; under a budget, unpriced deployments are out."""
    if controls.max_cost_usd is None:
        return tuple(names)
    costs = {name: cost_of(name) for name in names}
    return tuple(name for name, cost in costs.items() if cost is not None and cost <= controls.max_cost_usd)


def budget_too_small(estimates: Iterable[float | None], controls: Controls) -> BudgetTooSmall:
    """The refusal, with the least that would have been enough."""
    costs = [cost for cost in estimates if cost is not None]
    least = (
        f"the cheapest is estimated at {_dollars(min(costs))}" if costs else "no allowed deployment has a known price"
    )
    return BudgetTooSmall(
        f"`router.max_cost_usd` is {_dollars(controls.max_cost_usd or 0.0)}, but {least}.", param="router.max_cost_usd"
    )


def _dollars(usd: float) -> str:
    """Micro-dollars, or whatever digits a smaller amount has."""
    return f"${usd:.6f}" if usd >= 1e-6 else f"${usd:g}"
