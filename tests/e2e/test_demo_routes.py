"""The demo shows what the gateway is for: easy prompts stay small, research-grade ones go to the panel."""

from collections import Counter

import orjson
import pytest

from router.app import build_services
from router.commands.demo import PROMPTS
from router.commands.settings import DEMO_CONFIG
from router.config.load import load_settings
from router.consider import consider
from router.core.request import ModelRequest


@pytest.mark.parametrize(("expected", "least"), [("small", 0.75), ("fusion", 0.7)])
def test_most_of_the_demos_prompts_go_where_it_says_they_go(expected: str, least: float) -> None:
    services, _ = build_services(load_settings(DEMO_CONFIG, {}))
    prompts = [orjson.loads(line) for line in PROMPTS.read_bytes().splitlines() if line.strip()]
    routes = Counter(
        consider(services, ModelRequest({"messages": prompt["messages"]}, "auto")).decision.route
        for prompt in prompts
        if prompt["expect"] == expected
    )
    assert routes[expected] >= least * routes.total(), routes
