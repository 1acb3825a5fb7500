"""Model names and the router object."""

from typing import Any

import pytest

from router.core import ask, fusion_controls
from router.core.ask import AUTO_NAMES, Ask, Controls, read_ask, read_controls
from router.core.fusion import FusionControls
from router.errors import BadControl, ModelNotFound

DEPLOYMENTS = ("cheap", "dear")
NAMES = {"cheap": frozenset({"cheap"}), "dear": frozenset({"dear"}), "openai/x": frozenset({"cheap", "dear"})}


@pytest.mark.parametrize("name", AUTO_NAMES)
def test_every_router_name_of_the_field_routes(name: str) -> None:
    assert read_ask(name, DEPLOYMENTS, {}) == Ask("auto")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("auto-cost", Ask("auto", "cost")),
        ("small", Ask("small")),
        ("dear", Ask("direct", deployment="dear")),
        ("gpt-4o", Ask("auto", "quality", by_policy=True)),
        ("old", Ask("direct", deployment="cheap", by_policy=True)),
    ],
)
def test_names_mean_modes_routes_deployments_and_aliases(name: str, meant: Ask) -> None:
    assert read_ask(name, DEPLOYMENTS, {"gpt-4o": "auto-quality", "old": "cheap"}) == meant


def test_an_unknown_name_is_told_what_is_served() -> None:
    with pytest.raises(ModelNotFound, match=r"auto, auto-cost.*cheap, dear") as caught:
        read_ask("gpt-9", DEPLOYMENTS, {})
    assert caught.value.param == "model"


def test_controls_are_read() -> None:
    value = {"mode": "cost", "models": ["openai/x"], "exclude": ["dear"], "max_cost_usd": 0.1, "session_id": "s"}
    assert read_controls(value, NAMES) == Controls("cost", NAMES["openai/x"], NAMES["dear"], 0.1, "s")


def test_the_session_header_counts_and_the_body_goes_before_it() -> None:
    assert read_controls(None, NAMES, "h").session_id == "h"
    assert read_controls({"session_id": "b"}, NAMES, "h").session_id == "b"


@pytest.mark.parametrize("value", [None, {}, {"mode": "cost"}])
def test_a_session_header_is_as_long_as_a_session_may_be(value: Any) -> None:
    assert read_controls(value, NAMES, "s" * 256).session_id == "s" * 256
    with pytest.raises(BadControl) as caught:
        read_controls(value, NAMES, "s" * 257)
    assert caught.value.param == "x-session-id"


@pytest.mark.parametrize(
    ("value", "param"),
    [
        ("cost", "router"),
        ({"mood": "cost"}, "router.mood"),
        ({"mode": "cheap"}, "router.mode"),
        ({"mode": ["cost"]}, "router.mode"),
        ({"models": []}, "router.models"),
        ({"models": ["nobody"]}, "router.models"),
        ({"models": [1]}, "router.models"),
        ({"models": ["dear"], "exclude": ["dear"]}, "router.models"),
        ({"max_cost_usd": -1}, "router.max_cost_usd"),
        ({"max_cost_usd": True}, "router.max_cost_usd"),
        ({"max_cost_usd": "1"}, "router.max_cost_usd"),
        ({"session_id": ""}, "router.session_id"),
        ({"fusion": "yes"}, "router.fusion"),
    ],
)
def test_a_bad_control_is_named(value: Any, param: str) -> None:
    with pytest.raises(BadControl) as caught:
        read_controls(value, NAMES)
    assert caught.value.param == param


def test_of_a_control_that_is_not_known_no_more_is_looked_at_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []
    for module in (ask, fusion_controls):
        monkeypatch.setattr(module, "get_close_matches", lambda word, *rest: looked_at.append(word) or [])
    for read in (
        read_controls,
        lambda value, names: fusion_controls.read_fusion(value, (), names, FusionControls(), {}),
    ):
        with pytest.raises(BadControl) as caught:
            read({"x" * 1_000: 1}, NAMES)
        assert caught.value.param is not None
        assert caught.value.param.endswith("." + "x" * 60)
    assert looked_at == ["x" * 60] * 2


def test_a_misspelt_control_is_offered_the_right_one() -> None:
    with pytest.raises(BadControl, match="session_id"):
        read_controls({"sesion_id": "x"}, NAMES)
