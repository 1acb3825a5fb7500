"""Who is sent the role ``developer``, and who its older name."""

from typing import Any

import pytest

from router.core.types import Deployment
from router.dispatch.provider import Call, Target
from router.dispatch.roles import in_known_roles

MESSAGES: list[dict[str, Any]] = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "hi"}]


def call(api_base: str | None, messages: list[dict[str, Any]]) -> Call:
    target = Target(Deployment("small", "openai/small"), "openai", "small", api_base=api_base)
    return Call(target, {"model": "auto", "messages": messages}, 0.0)


@pytest.mark.parametrize(
    "base", ["https://api.openai.com/v1", "https://eu.api.openai.com/v1", "https://mine.openai.azure.com/openai/v1"]
)
def test_openai_is_sent_the_role_as_it_came(base: str) -> None:
    assert in_known_roles(call(base, MESSAGES)) is None


@pytest.mark.parametrize(
    "base", ["https://api.deepseek.com/beta", "http://127.0.0.1:8000/v1", "https://notopenai.com", None]
)
def test_others_are_sent_system_and_the_callers_body_is_left_alone(base: str | None) -> None:
    made = call(base, MESSAGES)
    body = in_known_roles(made)
    assert body is not None
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["messages"][0]["content"] == "Be brief."
    assert made.body["messages"][0]["role"] == "developer"


def test_a_request_that_only_speaks_of_developers_goes_as_it_came() -> None:
    assert in_known_roles(call(None, [{"role": "user", "content": "developer"}])) is None
