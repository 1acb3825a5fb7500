"""The decision for embeddings: the deployment that is named, where the controls let it. Pure."""

from router.core.ask import Controls, read_ask
from router.core.cost import call_cost_usd
from router.core.policy import Decision, Policy, Step, refuse_where_ruled_out
from router.core.types import Reason, Usage
from router.errors import BadControl, BadRequest


def decide_embeddings(model: str, input_tokens: int, controls: Controls, policy: Policy) -> Decision:
    """Go straight to a deployment.

    Raises:
        ModelNotFound, BadRequest: the name is no deployment's.
        BadControl, BudgetTooSmall: the controls rule it out, or ask for what embeddings cannot have.
    """
    name = policy.aliases.get(model, model)
    if name not in policy.deployments:
        read_ask(model, policy.deployments, policy.aliases)
        raise BadRequest("Embeddings are not routed: name a deployment of the pool as `model`.", param="model")
    if controls.fusion:
        raise BadControl("`router.fusion` must be left out here: no panel makes embeddings.", param="router.fusion")
    price = policy.deployments[name].price
    cost_usd = call_cost_usd(Usage(input_tokens, 0), price) if price is not None else None
    refuse_where_ruled_out(name, cost_usd, controls)
    return Decision("direct", Reason.DIRECT, controls.mode or policy.mode, (Step(name, "direct"),), None)
