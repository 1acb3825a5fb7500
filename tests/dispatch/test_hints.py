"""Which fields of a request a refusal is about, in the words that providers use."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from router.core.types import Deployment
from router.dispatch.hints import HINTS, Objection, objections
from router.dispatch.provider import Target
from router.dispatch.refusal import refusal
from router.errors import UpstreamError

TARGET = Target(Deployment("strong", "openai/x"), "openai", "x")
SENT: dict[str, Any] = {
    "model": "x", "messages": [], "temperature": 0, "top_p": 0.5, "presence_penalty": 0, "frequency_penalty": 0.1, "seed": 7,
    "user": "u", "stop": ["."], "logprobs": True, "n": 2, "max_tokens": 5,
}  # fmt: skip


def refused(error: Any, status: int = 400) -> UpstreamError:
    return refusal(status, {}, orjson.dumps(error), TARGET, now_s=0.0)


def openai(message: str, param: str | None, code: str | None) -> Mapping[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (openai("Unsupported parameter: 'top_p' is not supported with this model.", "top_p", "unsupported_parameter"),
         [Objection("top_p")]),
        (openai("Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is "
                "supported.", "temperature", "unsupported_value"), [Objection("temperature")]),
        (openai("Unknown parameter: 'seed'.", "seed", "unknown_parameter"), [Objection("seed")]),
        (openai("Unrecognized request argument supplied: seed", None, None), [Objection("seed")]),
        ({"code": "Client specified an invalid argument", "error": "Argument not supported on this model: presencePenalty"},
         [Objection("presence_penalty")]),
        ({"error": "Model grok does not support parameter presencePenalty."}, [Objection("presence_penalty")]),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "`temperature` and `top_p` cannot both be "
          "specified for this model. Please use only one."}}, [Objection("top_p", beside="temperature")]),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "`temperature` is deprecated for this model."}},
         [Objection("temperature")]),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "temperature: range: 0..1"}},
         [Objection("temperature", value=b"0")]),
        ({"error": {"code": 400, "message": "Penalty is not enabled for models/gemini-x", "status": "INVALID_ARGUMENT"}},
         [Objection("presence_penalty"), Objection("frequency_penalty")]),
        ([{"error": {"code": 400, "message": 'Invalid JSON payload received. Unknown name "seed": Cannot find field.'}}],
         [Objection("seed")]),
        ({"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": 7}]},
         [Objection("seed")]),
        ({"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "user"], "msg": "Extra inputs "
          "are not permitted", "input": "u"}]}, "type": "invalid_request_error"}, [Objection("user")]),
        (openai("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                "max_tokens", "unsupported_parameter"), [Objection("max_tokens", instead="max_completion_tokens")]),
    ],
)  # fmt: skip
def test_a_refused_hint_is_found_in_the_words_of_every_provider(body: Any, expected: list[Objection]) -> None:
    for status in (400, 422):
        assert list(objections(refused(body, status), SENT)) == expected


def test_an_effort_is_refused_by_its_value_and_other_hints_at_the_effort_that_was_asked_for() -> None:
    sent, told = (
        SENT | {"reasoning_effort": "minimal"},
        "Unsupported value: 'reasoning_effort' does not support 'minimal'.",
    )
    refusal_of_effort = refused(openai(told, "reasoning_effort", "unsupported_value"))
    assert objections(refusal_of_effort, sent) == (Objection("reasoning_effort", value=b'"minimal"', effort="minimal"),)
    refusal_of_seed = refused(openai("Unsupported parameter: 'seed'", "seed", "unsupported_parameter"))
    assert objections(refusal_of_seed, sent) == (Objection("seed", effort="minimal"),)


@pytest.mark.parametrize(
    "body",
    [
        *(openai(f"Unsupported parameter: '{name}' is not supported with this model.", name, "unsupported_parameter")
          for name in ("stop", "logprobs", "n", "max_tokens", "tools", "response_format")),
        openai("Unsupported value: 'max_tokens' does not support 5 with this model.", "max_tokens", "unsupported_value"),
        openai("Unsupported parameter: 'top_k' is not supported with this model.", "top_k", "unsupported_parameter"),
        openai("The user's image is not supported with this model; store it elsewhere", None, None),
        openai("Invalid 'seed': integer above maximum value.", "seed", "integer_above_max_value"),
        openai("the temperature in Rome is not supported with this model", "messages[0]", "unsupported_value"),
        openai("Rate limit", "temperature", None) | {"detail": []},
    ],
)  # fmt: skip
def test_what_is_no_hint_or_was_not_sent_or_is_the_callers_own_fault_is_not_left_out(body: Any) -> None:
    assert "temperature" in SENT
    found = objections(refused(body), SENT if "Rate limit" not in str(body) else {"messages": []})
    assert found == ()


@pytest.mark.parametrize("status", [401, 403, 413, 429, 500])
def test_only_a_refusal_of_the_request_is_an_objection(status: int) -> None:
    assert objections(refused({"error": {"message": "temperature", "param": "temperature"}}, status), SENT) == ()


def test_nothing_that_shapes_or_ends_an_answer_is_a_hint() -> None:
    shaping = {
        "n",
        "logprobs",
        "top_logprobs",
        "tools",
        "tool_choice",
        "response_format",
        "stop",
        "modalities",
        "audio",
    }
    assert not HINTS & (shaping | {"max_tokens", "max_completion_tokens", "messages", "stream", "model"})
