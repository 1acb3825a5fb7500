"""What is read of a request's headers, and what is told in a reply's."""

from collections.abc import MutableMapping
from typing import Any

import orjson
import pytest

from router.core.types import Attempt, Deployment, Usage
from router.errors import GatewayError, NothingAvailable, Overloaded
from router.http.auth import Authenticator
from router.http.body import WireLimits
from router.http.exchange import AsgiExchange
from router.http.openai import read_chat
from router.http.slots import Slots
from router.record.record import Draft

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def exchange(headers: dict[str, str], sent: list[MutableMapping[str, Any]] | None = None) -> AsgiExchange:
    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        if sent is not None:
            sent.append(message)

    scope = {"method": "POST", "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}
    return AsgiExchange(scope, receive, send, read_chat, Authenticator({}), WireLimits(100, 1), Slots(1))


@pytest.mark.parametrize(
    ("ours", "theirs", "depth"),
    [(None, None, 0), ("0", "1", 1), ("2", "1", 2), ("0", None, 0), ("", "3", 3), ("x", "0", 1), ("9" * 9, "2", 2)],
)
def test_a_request_is_as_deep_in_runs_as_the_larger_word_says(ours: str | None, theirs: str | None, depth: int) -> None:
    said = {"x-router-fusion-depth": ours, "x-openrouter-fusion-depth": theirs}
    assert exchange({name: value for name, value in said.items() if value is not None}).fusion_depth == depth


@pytest.mark.parametrize("trace", ["", "a" * 30_000, TRACE + "-more", TRACE.upper(), TRACE.replace("-", "_")])
def test_a_trace_that_is_not_well_formed_is_dropped(trace: str) -> None:
    assert exchange({"traceparent": trace}).traceparent is None
    assert exchange({"traceparent": TRACE}).traceparent == TRACE


@pytest.mark.parametrize("error", [NothingAvailable("", retry_after_s=1), Overloaded("", retry_after_s=1)])
@pytest.mark.parametrize(("usage", "told"), [(Usage(5, 0, estimated=True), b"false"), (None, b"true")])
async def test_where_an_earlier_call_cost_money_clients_are_told_not_to_ask_again(
    error: GatewayError, usage: Usage | None, told: bytes
) -> None:
    sent: list[MutableMapping[str, Any]] = []
    draft = Draft("req_1", 0.0, "chat/completions", Deployment("b", "openai/b"), "1")
    draft.attempts.append(Attempt("a", "openai/a", "answer", "upstream_empty", 0.1, usage, None))
    await exchange({}, sent).fail(draft, error)
    assert dict(sent[0]["headers"])[b"x-should-retry"] == told
    assert orjson.loads(sent[1]["body"])["error"]["code"] == error.code
