"""Embeddings go to the deployment that is named, and the caller's controls hold for them as for anything else."""

from typing import Any

import pytest

from router.core.ask import Controls, read_controls
from router.core.embedding import decide_embeddings, embedded_tokens
from router.core.plan import Step
from router.core.policy import Policy
from router.core.types import Deployment, Price
from router.errors import BadControl, BadRequest, BudgetTooSmall, ModelNotFound

POOL = {name: Deployment(name, f"openai/{name}", price) for name, price in (("e", Price(1e-6, 0)), ("unpriced", None))}
POLICY = Policy(POOL, ("e",), ("e",), "e", aliases={"text-embedding-3-small": "e"})


@pytest.mark.parametrize("model", ["e", "text-embedding-3-small"])
def test_the_named_deployment_makes_them(model: str) -> None:
    controls = read_controls({"models": ["e"], "max_cost_usd": 0.0001, "fusion": False, "mode": "cost"}, POLICY.names)
    decision = decide_embeddings(model, 100, controls, POLICY)
    assert (decision.route, decision.plan, decision.mode) == ("direct", (Step("e", "direct"),), "cost")


@pytest.mark.parametrize(
    ("model", "controls", "error", "param"),
    [
        ("e", {"exclude": ["e"]}, BadControl, "model"),
        ("e", {"models": ["unpriced"]}, BadControl, "model"),
        ("e", {"max_cost_usd": 0.00009}, BudgetTooSmall, "router.max_cost_usd"),
        ("unpriced", {"max_cost_usd": 1}, BudgetTooSmall, "router.max_cost_usd"),
        ("e", {"fusion": False}, None, None),
        ("e", {"fusion": {}}, BadControl, "router.fusion"),
        ("e", {"fusion": True}, BadControl, "router.fusion"),
        ("e", {"fusion": {"mode": "merge"}}, BadControl, "router.fusion"),
        ("auto", None, BadRequest, "model"),
        ("nobody", None, ModelNotFound, "model"),
    ],
)
def test_what_the_controls_rule_out_is_refused_by_name(model: str, controls: Any, error: Any, param: str) -> None:
    read = read_controls(controls, POLICY.names) if controls is not None else Controls()
    if error is None:
        decide_embeddings(model, 100, read, POLICY)
        return
    with pytest.raises(error) as caught:
        decide_embeddings(model, 100, read, POLICY)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("given", "tokens"),
    [
        ("x", 1),
        ("日" * 4000, 4000),
        (["one", "two", "日"], 3),
        ([15339, 1917, 0], 3),
        ([[15339, 1917], [0]], 3),
        ([["not", "tokens"]], 6),
        ([{"text": "x" * 300}], 104),
        ({"odd": 1}, 3),
    ],
)
def test_the_input_is_counted_as_a_text_is_everywhere_and_tokens_one_by_one(given: Any, tokens: int) -> None:
    assert embedded_tokens(given) == tokens
