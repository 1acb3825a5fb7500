"""Fusion's controls, in our words and in OpenRouter's."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.fusion import FusionControls, Member
from router.core.fusion_controls import read_fusion, take_forms
from router.core.types import Deployment, Price
from router.errors import BadControl

POOL = {
    name: Deployment(name, f"openai/{name}", Price(usd / 5, usd))
    for name, usd in {"strong": 25e-6, "flash": 2e-6, "local": 0.0, "mid": 8e-6}.items()
}
NAMES = {
    **{name: frozenset({name}) for name in POOL},
    **{deployment.model: frozenset({name}) for name, deployment in POOL.items()},
}
BASE = FusionControls(panel=tuple(map(Member, POOL)), judge="strong", max_cost_usd=1.0)


def read(value: Any = None, *forms: tuple[str, Any]) -> Any:
    return read_fusion(value, forms, NAMES, BASE, POOL)


def test_a_request_that_says_nothing_leaves_the_config_alone() -> None:
    assert read().asked is None
    assert read().controls == BASE


@pytest.mark.parametrize(("value", "asked"), [({}, True), (True, True), (False, False), ({"enabled": False}, False)])
def test_an_object_asks_for_fusion_and_false_forbids_it(value: Any, asked: bool) -> None:
    assert read(value).asked is asked


def test_every_control_is_read() -> None:
    value = {
        "mode": "debate", "panel": ["flash", "openai/local"], "judge": "mid", "quorum": 2, "deadline_s": 9,
        "max_cost_usd": 0.5, "max_tool_calls": 0, "max_output_tokens": 99, "rounds": 2, "early_exit": False,
        "events": True, "expose": "full",
    }  # fmt: skip
    assert read(value).controls == FusionControls(
        (Member("flash"), Member("local")), "mid", "debate", None, 2, 9.0, 0.5, 0, 99, 2, False, True, "full"
    )


def test_the_same_model_may_sit_twice_with_its_own_temperature_and_seed() -> None:
    panel = read({"panel": [{"model": "flash", "temperature": 1, "seed": 7}, "flash"]}).controls.panel
    assert panel == (Member("flash", 1.0, 7), Member("flash"))


WRONG = {
    "router.fusion": [1, "merge", []],
    "router.fusion.mood": [{"mood": 1}],
    "router.fusion.mode": [{"mode": "blend"}, {"mode": ["merge"]}],
    "router.fusion.preset": [{"preset": "huge"}, {"preset": {}}],
    "router.fusion.panel": [{"panel": []}, {"panel": ["flash"] * 9}, {"panel": "flash"}],
    "router.fusion.panel[1]": [{"panel": ["flash", "fusion"]}, {"panel": ["flash", 3]}],
    "router.fusion.panel[0].seed": [{"panel": [{"model": "flash", "seed": -1}]}],
    "router.fusion.panel[0].temperature": [{"panel": [{"model": "flash", "temperature": 3}]}],
    "router.fusion.panel[0].tone": [{"panel": [{"model": "flash", "tone": 3}]}],
    "router.fusion.judge": [{"judge": "nobody"}, {"judge": 4}],
    "router.fusion.quorum": [{"quorum": 0}, {"quorum": True}, {"quorum": 5}, {"quorum": 1.5}],
    "router.fusion.deadline_s": [{"deadline_s": 0}, {"deadline_s": "9"}, {"deadline_s": float("nan")}],
    "router.fusion.max_cost_usd": [{"max_cost_usd": -1}, {"max_cost_usd": True}],
    "router.fusion.max_tool_calls": [{"max_tool_calls": 17}],
    "router.fusion.rounds": [{"rounds": 4}],
    "router.fusion.early_exit": [{"early_exit": "yes"}],
    "router.fusion.expose": [{"expose": "all"}],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_a_wrong_control_is_named(field: str, value: Any) -> None:
    with pytest.raises(BadControl) as caught:
        read(value)
    assert caught.value.param == field
    assert field in caught.value.message


def test_an_unknown_control_names_its_nearest() -> None:
    with pytest.raises(BadControl, match="Did you mean 'quorum'"):
        read({"qourum": 2})


def test_presets_change_what_the_request_does_not_say() -> None:
    budget, fast = read({"preset": "budget"}).controls, read({"preset": "fast"}).controls
    assert [member.deployment for member in budget.panel] == ["flash", "local", "mid"]
    assert (fast.quorum, fast.deadline_s, fast.max_tool_calls) == (3, 30.0, 0)
    assert read({"preset": "fast", "quorum": 4, "max_tool_calls": 2}).controls.quorum == 4
    assert read({"preset": "budget", "panel": ["strong"]}).controls.panel == (Member("strong"),)


@pytest.mark.parametrize(
    ("theirs", "ours"), [("general-high", "quality"), ("general-budget", "budget"), ("general-fast", "fast")]
)
def test_openrouters_presets_are_ours(theirs: str, ours: str) -> None:
    assert read(None, ("plugins[0]", {"id": "fusion", "preset": theirs})).controls == read({"preset": ours}).controls


def test_openrouters_plugin_is_read() -> None:
    plugin = {"id": "fusion", "analysis_models": ["~openai/flash", "local"], "model": "openai/mid", "max_tool_calls": 8,
              "max_completion_tokens": 500, "temperature": 1, "something": "new"}  # fmt: skip
    wish = read(None, ("plugins[0]", plugin))
    assert wish.asked
    assert wish.controls.panel == (Member("flash"), Member("local"))
    assert (wish.controls.judge, wish.controls.max_tool_calls, wish.controls.max_output_tokens) == ("mid", 8, 500)
    assert read(None, ("plugins[0]", {"id": "fusion", "enabled": False})).asked is False


def test_a_wrong_value_in_a_form_is_named_by_the_forms_own_path() -> None:
    with pytest.raises(BadControl) as caught:
        read(None, ("tools[2].parameters", {"analysis_models": ["flash", "gone"]}))
    assert caught.value.param == "tools[2].parameters.analysis_models[1]"


def test_our_own_words_go_before_openrouters() -> None:
    assert read({"judge": "mid"}, ("plugins[0]", {"id": "fusion", "model": "flash"})).controls.judge == "mid"


def test_forms_are_taken_out_and_everything_else_stays() -> None:
    web, tool = {"id": "web"}, {"type": "function", "function": {"name": "f"}}
    body = {
        "messages": [],
        "plugins": [web, {"id": "fusion", "preset": "general-high"}],
        "tools": [{"type": "openrouter:fusion", "parameters": {"model": "mid"}}, tool],
        "tool_choice": "auto",
    }
    kept, forms = take_forms(body)
    assert kept == {"messages": [], "plugins": [web], "tools": [tool], "tool_choice": "auto"}
    assert [path for path, _ in forms] == ["plugins[1]", "tools[0].parameters"]
    assert len(body["plugins"]) == 2


def test_without_other_tools_the_choice_of_tools_goes_too() -> None:
    kept, forms = take_forms({"tools": [{"type": "openrouter:fusion"}], "tool_choice": "required"})
    assert kept == {}
    assert forms == (("tools[0].parameters", None),)
    assert read(None, *forms).asked


def test_a_body_without_forms_is_left_as_it_is() -> None:
    body = {"messages": [], "tools": [{"type": "function"}], "tool_choice": "auto", "plugins": "odd"}
    assert take_forms(body) == (body, ())


def test_a_request_cannot_raise_the_configs_cap() -> None:
    assert read({"max_cost_usd": 5}).controls.max_cost_usd == 1.0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["mode", "preset", "panel", "judge", "quorum", "deadline_s", "max_cost_usd", "events", "odd"])


@given(st.dictionaries(keys, json_values, max_size=4))
def test_whatever_is_sent_it_is_read_or_refused_by_name(value: Any) -> None:
    param = None
    try:
        read(value)
    except BadControl as error:
        param = error.param
    assert param is None or param.startswith("router.fusion")
