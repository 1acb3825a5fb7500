"""The decision for embeddings: the deployment that is named, where the controls let it. Pure."""

from typing import Any

from router.core.ask import Controls, read_ask
from router.core.cost import call_cost_usd
from router.core.decision import Decision, refuse_where_ruled_out
from router.core.plan import Step
from router.core.policy import Policy
from router.core.prompt import bytes_tokens, text_tokens
from router.core.types import Reason, Usage
from router.core.whole_json import dumps
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
    if controls.fusion not in (None, False):  # an empty object asks for a panel too
        raise BadControl("`router.fusion` must be left out here: no panel makes embeddings.", param="router.fusion")
    price = policy.deployments[name].price
    cost_usd = call_cost_usd(Usage(input_tokens, 0), price) if price is not None else None
    refuse_where_ruled_out(name, cost_usd, controls)
    return Decision("direct", Reason.DIRECT, controls.mode or policy.mode, (Step(name, "direct"),), None)


def embedded_tokens(given: Any) -> int:
    """Estimate the tokens of a request's ``input``: a text, tokens, or a list of such; anything else by its JSON."""
    return sum([_entry_tokens(entry) for entry in given]) if isinstance(given, list) else _entry_tokens(given)


def _entry_tokens(entry: Any) -> int:
    if isinstance(entry, str):
        return text_tokens(entry)
    if isinstance(entry, int):
        return 1
    if isinstance(entry, list) and all(isinstance(token, int) for token in entry):
        return len(entry)
    return bytes_tokens(len(dumps(entry)), is_ascii=False)
