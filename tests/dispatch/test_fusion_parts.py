"""The smaller parts of a run: shapes of answers, kept runs."""

import asyncio
import time
from typing import Any

import pytest

from router.dispatch.confined import MAX_AT_ONCE, Confined
from router.dispatch.fusion import SCHEMA_CHECKER
from router.dispatch.fusion.store import RunStore
from router.dispatch.fusion.structured import canonical, shape_of

CHECKER = Confined(SCHEMA_CHECKER)


async def fitted(schema: Any, *texts: str) -> list[str | None]:
    body = {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}
    wanted = shape_of(body, CHECKER, time.monotonic() + 10)
    assert wanted is not None
    await wanted.read(texts)
    return [wanted.fitted(text) for text in texts]


async def test_a_shape_takes_what_fits_and_what_fits_inside_a_fence() -> None:
    wanted = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    texts = ['{"n": 1}', '```json\n{"n": 1}\n```', '{"n": "1"}', "n is 1"]
    assert await fitted(wanted, *texts) == ['{"n": 1}', '{"n": 1}', None, None]


async def test_a_schema_never_makes_anybody_fetch_anything() -> None:
    fetched = []

    async def fetch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fetched.append(await reader.readline())
        writer.close()

    async with await asyncio.start_server(fetch, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await fitted({"$ref": f"http://127.0.0.1:{port}/schema"}, "{}") == ["{}"]
    assert fetched == []


async def test_a_schemas_patterns_are_not_run() -> None:
    slow = "a" * 40 + "!"
    assert await fitted({"type": "string", "pattern": "^(a+)+$"}, f'"{slow}"', "1") == [f'"{slow}"', None]
    for key in ("additionalProperties", "unevaluatedProperties"):
        found = await fitted({"patternProperties": {"^(a+)+$": {}}, key: False}, f'{{"{slow}": 1}}', "not json")
        assert found == [f'{{"{slow}": 1}}', None]
    assert await fitted({"properties": {"a": {}}, "additionalProperties": False}, '{"b": 1}') == [None]


async def test_a_broken_schema_takes_any_json_and_no_format_is_no_shape() -> None:
    assert await fitted({"type": "nonsense"}, "[1]", "1]") == ["[1]", None]
    for body in ({}, {"response_format": {"type": "text"}}):
        assert shape_of(body, CHECKER, time.monotonic()) is None
    objects = shape_of({"response_format": {"type": "json_object"}}, CHECKER, time.monotonic())
    assert objects is not None
    await objects.read(["[1]", "{}"])
    assert (objects.fitted("[1]"), objects.fitted("{}")) == (None, "{}")


def doubled(levels: int) -> dict[str, Any]:
    """A kilobyte that takes twice as long for each of its levels."""
    kinds: dict[str, Any] = {"a0": {"type": "object"}}
    for level in range(1, levels + 1):
        kinds[f"a{level}"] = {"allOf": [{"$ref": f"#/$defs/a{level - 1}"}] * 2}
    return {"$defs": kinds, "$ref": f"#/$defs/a{levels}"}


async def test_a_schema_that_takes_for_ever_takes_any_json_when_patience_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("router.dispatch.fusion.structured.PATIENCE_S", 0.3)
    checking = [asyncio.create_task(fitted(doubled(40), "{}", "not json")) for _ in range(MAX_AT_ONCE + 1)]
    turns = 0
    while not all(check.done() for check in checking):
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 5, "the loop stood still meanwhile"
    assert [await check for check in checking] == [["{}", None]] * len(checking)
    monkeypatch.undo()
    assert await fitted({"type": "object"}, "[]") == [None], "the processes are gone, and others have their turn"


async def test_a_schema_nested_deeper_than_it_can_be_followed_takes_any_json() -> None:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(200):
        schema = {"items": schema}
    assert await fitted(schema, "[]", "not json") == ["[]", None]


def test_equal_json_has_one_spelling() -> None:
    assert canonical('{"b": 1, "a": [2]}') == canonical('{ "a":[2], "b":1 }')
    assert canonical("not json") == "not json"
    deep = "[" * 2_000 + "]" * 2_000
    assert canonical(deep) == deep
    assert canonical('["\\ud83d"]') == canonical(' [ "\\ud83d"] ')


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
