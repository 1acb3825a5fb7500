"""The smaller parts of a run: shapes of answers, kept runs."""

import urllib.request
from typing import Any

import pytest

from router.dispatch.fusion.store import RunStore
from router.dispatch.fusion.structured import canonical, shape_of


def shape(schema: Any) -> Any:
    return shape_of({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}})


def test_a_shape_takes_what_fits_and_what_fits_inside_a_fence() -> None:
    wanted = shape({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
    assert wanted.fitted('{"n": 1}') == '{"n": 1}'
    assert wanted.fitted('```json\n{"n": 1}\n```') == '{"n": 1}'
    assert wanted.fitted('{"n": "1"}') is None
    assert wanted.fitted("n is 1") is None


def test_a_schema_never_makes_the_gateway_fetch_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[Any] = []
    monkeypatch.setattr(urllib.request, "urlopen", lambda *args, **kw: fetched.append(args))
    assert shape({"$ref": "http://169.254.169.254/latest/meta-data"}).fitted("{}") == "{}"
    assert fetched == []


def test_a_schemas_patterns_are_not_run() -> None:
    slow = "a" * 40 + "!"
    assert shape({"type": "string", "pattern": "^(a+)+$"}).fitted(f'"{slow}"') is not None
    for key in ("additionalProperties", "unevaluatedProperties"):
        assert shape({"patternProperties": {"^(a+)+$": {}}, key: False}).fitted(f'{{"{slow}": 1}}') is not None
    assert shape({"properties": {"a": {}}, "additionalProperties": False}).fitted('{"b": 1}') is None


def test_a_broken_schema_takes_any_json_and_no_format_is_no_shape() -> None:
    assert shape({"type": "nonsense"}).fitted("[1]") == "[1]"
    assert shape_of({}) is None
    assert shape_of({"response_format": {"type": "text"}}) is None
    objects = shape_of({"response_format": {"type": "json_object"}})
    assert objects is not None
    assert objects.fitted("[1]") is None


def test_equal_json_has_one_spelling() -> None:
    assert canonical('{"b": 1, "a": [2]}') == canonical('{ "a":[2], "b":1 }')
    assert canonical("not json") == "not json"


def facts(run_id: str) -> dict[str, Any]:
    sources = [{"title": "What the page is called", "url": "http://page.example/", "read": True}]
    seat = {"model": "a", "status": "ok", "tool_calls": 2, "sources": sources}
    return {
        "run_id": run_id,
        "analysis": {"consensus": ["x"]},
        "panel": [seat],
        "sources": sources,
        "cost": {"total_usd": 1.0},
    }


def test_a_kept_run_is_its_callers_alone() -> None:
    store = RunStore()
    store.keep("ann", facts("r1"), [])
    assert store.find("r1", "ann") is not None
    assert store.find("r1", "bob") is None
    assert store.find("r2", "ann") is None


def test_texts_are_kept_only_where_they_may_be() -> None:
    silent, telling = RunStore(), RunStore(keeps_text=True)
    for store in (silent, telling):
        store.keep("ann", {**facts("r1"), "responses": ["said"]}, [{"content": "said"}])
    kept = silent.find("r1", "ann").facts  # type: ignore[union-attr]
    assert kept.keys() == {"run_id", "panel", "cost"}
    assert kept["panel"] == [{"model": "a", "status": "ok", "tool_calls": 2}]
    assert telling.find("r1", "ann").facts["responses"] == [{"content": "said"}]  # type: ignore[union-attr]


def test_the_oldest_runs_go_first() -> None:
    store = RunStore(capacity=2)
    for number in range(3):
        store.keep("ann", facts(f"r{number}"), [])
    assert store.find("r0", "ann") is None
    assert store.find("r2", "ann") is not None
