import importlib.util
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from router.catalog import Catalog, ModelFacts, known_providers, litellm_version
from router.core.cost import call_cost_usd
from router.core.types import Price, Special, Usage
from router.providers import PROVIDERS

LITELLM = Path(str(importlib.util.find_spec("litellm").origin)).parent  # type: ignore[union-attr]


def catalog(**entries: Any) -> Catalog:
    return Catalog({name.replace("__", "/"): entry for name, entry in entries.items()}, source="table")


PRICED = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}


@pytest.mark.parametrize(
    ("model", "input_usd", "output_usd"),
    [
        ("openai/gpt-4.1", 2e-6, 8e-6),
        ("anthropic/claude-opus-4-5", 5e-6, 25e-6),
        ("gemini/gemini-2.5-pro", 1.25e-6, 10e-6),
        ("bedrock/anthropic.claude-opus-4-6-v1", 5e-6, 25e-6),
        ("openrouter/openai/gpt-4.1", 2e-6, 8e-6),
        ("openrouter/anthropic/claude-opus-4.5", 5e-6, 25e-6),
        ("vertex_ai/gemini-2.5-pro", 1.25e-6, 10e-6),
    ],
)
def test_prices_come_from_the_packaged_table(model: str, input_usd: float, output_usd: float) -> None:
    facts = Catalog().facts(model)
    assert facts is not None
    assert facts.price is not None
    assert (facts.price.input, facts.price.output) == (input_usd, output_usd)
    assert facts.price.source.startswith(f"litellm {litellm_version()}")
    assert facts.supports["tools"]


def test_long_prompts_have_their_own_prices() -> None:
    price = Catalog().facts("gemini/gemini-2.5-pro").price  # type: ignore[union-attr]
    assert price is not None
    assert price.above_tokens == 200_000
    assert price.above is not None
    assert (price.above.input, price.above.output, price.above.cached_input) == (2.5e-6, 1.5e-5, 2.5e-7)
    assert call_cost_usd(Usage(input_tokens=300_000), price) == pytest.approx(0.75)


def cost(model: str, usage: Usage) -> float:
    facts = Catalog().facts(model)
    assert facts is not None
    assert facts.price is not None
    return call_cost_usd(usage, facts.price)


@pytest.mark.parametrize(
    ("model", "usage", "usd"),
    [
        # USD per million tokens, from the table: 2 and 10; priority 4 and 20, beyond 272k 8 and 30; flex 1 and 5
        ("openai/gpt-6.1-sol", Usage(10_000, 1_000), 0.03),
        ("openai/gpt-6.1-sol", Usage(10_000, 1_000, special=Special("priority")), 0.06),
        ("openai/gpt-6.1-sol", Usage(10_000, 1_000, special=Special("flex")), 0.015),
        ("openai/gpt-6.1-sol", Usage(300_000, 1_000, special=Special("priority")), 2.43),
        # 2.5 and 10; audio 32 and 64
        ("openai/gpt-audio", Usage(10_000, 1_000, special=Special(audio_input_tokens=10_000)), 0.33),
        ("openai/gpt-audio", Usage(1_000, 1_000, special=Special(audio_output_tokens=900)), 0.0611),
        # 3 and 15; cache writes 3.75 for five minutes, 6 for an hour
        ("anthropic/claude-sonnet-4-5", Usage(10_000, 0, 0, 10_000), 0.0375),
        ("anthropic/claude-sonnet-4-5", Usage(9_000, 0, 0, 9_000, special=Special("", 0, 0, 0, 5_000)), 0.045),
        # 0.3 and 2.5; audio 1, priority 0.54 and 4.5 and audio 1.8; cached audio 0.1
        ("gemini/gemini-2.5-flash", Usage(1_000, 100, special=Special("priority", 500)), 0.00162),
        ("gemini/gemini-2.5-flash", Usage(1_000, 0, 400, special=Special("", 1_000, 400)), 0.00064),
    ],
)
def test_tiers_audio_and_an_hours_cache_writes_cost_what_the_table_says(model: str, usage: Usage, usd: float) -> None:
    assert cost(model, usage) == pytest.approx(usd, abs=5e-10)


def test_a_tier_of_which_the_table_says_little_costs_the_rest_as_any_call() -> None:
    entry = {**PRICED, "cache_read_input_token_cost": 1e-7, "input_cost_per_token_flex": 5e-7,
             "input_cost_per_token_priority": None, "input_cost_per_token_above_128k_tokens": 3e-6}  # fmt: skip
    price = catalog(p__m=entry).facts("p/m").price  # type: ignore[union-attr]
    assert price is not None
    assert price.tiers.keys() == {"flex"}
    flex = price.tiers["flex"]
    assert (flex.input, flex.output, flex.cached_input) == (5e-7, 2e-6, 1e-7)
    assert flex.above is not None
    assert flex.above.input == 3e-6


def test_every_kind_of_token_has_its_own_price() -> None:
    entry = {
        **PRICED,
        "cache_read_input_token_cost": 1e-7,
        "cache_creation_input_token_cost": 1.25e-6,
        "output_cost_per_reasoning_token": 3e-6,
        "input_cost_per_token_above_128k_tokens": 5e-6,
    }
    facts = catalog(p__m=entry).facts("p/m")
    assert facts is not None
    price = facts.price
    assert price is not None
    assert (price.cached_input, price.cache_write, price.reasoning) == (1e-7, 1.25e-6, 3e-6)
    assert price.above == Price(5e-6, 2e-6, 1e-7, 1.25e-6, None, "table")


def test_price_ranges_become_tiers() -> None:
    ranges = [
        {"range": [0, 1000], "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
        {"range": [1000, 2000], "input_cost_per_token": 2e-6, "output_cost_per_token": 2e-6},
    ]
    facts = catalog(p__m={"tiered_pricing": ranges}).facts("p/m")
    assert facts is not None
    assert facts.price == Price(1e-6, 1e-6, source="table", above_tokens=1000, above=Price(2e-6, 2e-6, source="table"))


def test_zero_is_unknown_except_on_the_operators_own_machine() -> None:
    free = {"input_cost_per_token": 0, "output_cost_per_token": 0}
    table = catalog(mistral__m=free, ollama__m=free)
    assert table.facts("mistral/m") == ModelFacts()
    local = table.facts("ollama/m")
    assert local is not None
    assert local.price == Price(0, 0, source="table")


def test_cached_tokens_are_not_free_because_the_table_says_zero() -> None:
    zeros = {"cache_read_input_token_cost": 0, "cache_creation_input_token_cost": 0.0}
    facts = catalog(p__m={**PRICED, **zeros}).facts("p/m")
    assert facts is not None
    assert facts.price == Price(1e-6, 2e-6, source="table")


def test_what_the_table_does_not_say_is_not_made_up() -> None:
    table = catalog(p__m={"supports_vision": False, "mode": "chat"})
    assert table.facts("p/m") == ModelFacts(supports={"vision": False})
    assert table.facts("p/other") is None


def test_the_list_of_modalities_is_complete() -> None:
    facts = catalog(p__m={"supported_modalities": ["text", "image"]}).facts("p/m")
    assert facts is not None
    assert facts.supports == {"vision": True, "audio": False}


def test_a_bare_name_counts_only_for_its_own_provider() -> None:
    table = catalog(m={**PRICED, "litellm_provider": "openai"})
    assert table.facts("openai/m") is not None
    assert table.facts("groq/m") is None


def test_variants_of_resold_models_are_not_priced_as_the_original() -> None:
    table = catalog(m={**PRICED, "litellm_provider": "openai"})
    assert table.facts("openrouter/openai/m") is not None
    assert table.facts("openrouter/openai/m:free") is None
    assert table.facts("openrouter/unheard-of/m") is None


def test_scripted_models_have_prices_and_unknown_ones_are_unknown() -> None:
    facts = Catalog({}).facts("scripted/small?latency_ms=5")
    assert facts is not None
    assert facts.price is not None
    assert facts.price.source == "scripted"
    assert Catalog({}).facts("scripted/nobody") is None
    assert Catalog({}).facts("scripted/small?latincy_ms=5") is None


def test_every_provider_of_litellm_is_known() -> None:
    assert {"bedrock", "vertex_ai", "azure", "scripted", "openai"} <= known_providers()


def test_addresses_are_those_that_litellm_uses() -> None:
    source = "".join(
        path.read_text(errors="replace")
        for path in [
            LITELLM / "main.py",
            LITELLM / "constants.py",  # where newer releases list addresses that they put together elsewhere
            LITELLM / "litellm_core_utils/get_llm_provider_logic.py",
            *LITELLM.glob("llms/*/chat/transformation.py"),
            *LITELLM.glob("llms/*/common_utils.py"),
        ]
    )
    for name, facts in PROVIDERS.items():
        if facts.direct and not facts.local:
            assert (facts.api_base or "").removesuffix("/v1") in source, name
            assert facts.key_env[0] in source, name


def test_looking_up_does_not_import_litellm_and_is_quick() -> None:
    program = "import sys, router.catalog as c; c.Catalog().facts('openai/gpt-4.1'); print('litellm' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert ran.stdout.strip() == "False"
    started = time.perf_counter()
    Catalog().facts("openai/gpt-4.1")
    assert time.perf_counter() - started < 0.5
