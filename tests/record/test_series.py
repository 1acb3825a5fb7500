"""Callers make no series: the metrics' size is the config's doing, whatever is thrown at the gateway."""

import json
import random
from collections.abc import MutableMapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from router.app import create_app
from router.config.load import parse_settings
from router.http.front import Front
from tests.live import POOL

NAMES = 10_000


async def post(front: Front, path: str, body: Any, headers: list[tuple[bytes, bytes]]) -> int:
    """One request, straight into the application."""
    content, said = json.dumps(body).encode(), []
    parts = iter(({"type": "http.request", "body": content, "more_body": False},))

    async def receive() -> MutableMapping[str, Any]:
        return next(parts)

    async def send(message: MutableMapping[str, Any]) -> None:
        said.append(message.get("status"))

    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
             "headers": [(b"content-type", b"application/json"), *headers]}  # fmt: skip
    await front(scope, receive, send)
    return int(said[0])


def series(registry: CollectorRegistry) -> set[bytes]:
    body = generate_latest(registry)
    assert len(body) < 200_000
    return {line.rpartition(b" ")[0] for line in body.splitlines() if not line.startswith(b"#")}


async def test_ten_thousand_hostile_models_users_and_sessions_make_no_series() -> None:
    registry = CollectorRegistry()
    front = create_app(parse_settings(POOL, "test.yaml", {}), registry)
    dice, letters = random.Random(7), 'abcxyz019-_/."\\\n{}é中'

    def word() -> str:
        return "".join(dice.choices(letters, k=dice.randrange(1, 40)))

    async def ask(model: str) -> int:
        body = {
            "model": model,
            "user": word(),
            "messages": [{"role": "user", "content": "hi"}],
            "metadata": {word(): word()},
        }
        heads = [(b"x-session-id", word().encode("utf-8")), (b"user-agent", word().encode("utf-8"))]
        return await post(front, "/v1/chat/completions", body, heads)

    assert await ask("auto") == 200
    assert await ask("strong") == 200
    assert await ask("nobody") == 404
    assert await post(front, "/v1/" + word(), {}, []) == 404
    before = series(registry)
    statuses = [await ask("auto" if number % 100 == 0 else word()) for number in range(NAMES)]
    statuses += [await post(front, "/v1/" + word(), {}, []) for _ in range(100)]
    assert set(statuses) == {200, 404}
    assert series(registry) == before
    counted = registry.get_sample_value(
        "router_requests_total", {"route": "none", "model": "none", "reason": "none", "outcome": "model_not_found"}
    )
    assert counted == NAMES - NAMES // 100 + 1
