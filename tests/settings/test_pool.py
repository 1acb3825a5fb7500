from collections.abc import Callable

import pytest

from router.core.types import Price
from router.settings import Complaint, Settings
from tests.settings.conftest import ROUTING

Load = Callable[..., Settings]
Complain = Callable[..., dict[str, Complaint]]

REST = "\n  strong: {model: anthropic/claude-opus-5}" + ROUTING


def pool(entry: str) -> str:
    return f"pool:\n  small: {entry}" + REST


def test_a_given_price_replaces_the_tables(load: Load) -> None:
    given = "{input_usd_per_mtok: 2, output_usd_per_mtok: 8, reasoning_usd_per_mtok: 9}"
    price = load(pool(f"{{model: openai/gpt-6-luna, price: {given}}}")).pool["small"].deployment.price
    assert price == Price(input=2e-6, output=8e-6, reasoning=9e-6, source="config")


def test_a_given_price_may_have_tiers_audio_and_an_hours_cache_writes(load: Load) -> None:
    given = (
        "{input_usd_per_mtok: 2, output_usd_per_mtok: 8, audio_input_usd_per_mtok: 30, audio_output_usd_per_mtok: 60, "
        "cached_audio_input_usd_per_mtok: 3, cache_write_1h_usd_per_mtok: 4, "
        "tiers: {Priority: {input_usd_per_mtok: 4, output_usd_per_mtok: 16, cached_input_usd_per_mtok: 1}}}"
    )
    price = load(pool(f"{{model: openai/gpt-6-luna, price: {given}}}")).pool["small"].deployment.price
    assert price == Price(
        2e-6, 8e-6, audio_input=3e-5, audio_output=6e-5, cached_audio_input=3e-6, cache_write_1h=4e-6,
        tiers={"priority": Price(4e-6, 16e-6, cached_input=1e-6)},
    )  # fmt: skip


def test_a_tiers_price_is_as_whole_as_any_and_the_usual_tier_has_none(complaints: Complain) -> None:
    tiers = "tiers: {flex: {input_usd_per_mtok: 1}, default: {input_usd_per_mtok: 1, output_usd_per_mtok: 1}, x: {cheap: 1}}"
    found = complaints(pool(f"{{model: openai/a, price: {{input_usd_per_mtok: 2, output_usd_per_mtok: 8, {tiers}}}}}"))
    path = "pool.small.price.tiers"
    assert {f"{path}.flex.output_usd_per_mtok", f"{path}.default", f"{path}.x.cheap"} <= found.keys()


def test_a_price_needs_both_sides(complaints: Complain) -> None:
    found = complaints(pool("{model: openai/gpt-6-luna, price: {input_usd_per_mtok: 2}}"))
    assert "pool.small.price.output_usd_per_mtok" in found


@pytest.mark.parametrize("value", ["-1", ".nan", "'2'", "cheap"])
def test_a_price_is_a_number_of_dollars(complaints: Complain, value: str) -> None:
    text = f"{{model: openai/gpt-6-luna, price: {{input_usd_per_mtok: {value}, output_usd_per_mtok: 1}}}}"
    assert "pool.small.price.input_usd_per_mtok" in complaints(pool(text))


def test_what_the_table_does_not_know_stays_unknown_and_is_a_warning(load: Load) -> None:
    loaded = load(pool("{model: openai/qwen-of-mine, api_base: http://h/v1}"))
    deployment = loaded.pool["small"].deployment
    assert (deployment.price, deployment.context_window, deployment.supports) == (None, None, {})
    assert [warning.key for warning in loaded.warnings] == ["pool.small.price", "routing.small"]


def test_a_list_price_at_another_address_is_a_warning(load: Load) -> None:
    loaded = load(pool("{model: openai/gpt-6-luna, api_base: http://h/v1}"))
    assert loaded.pool["small"].deployment.price is not None
    assert "openai's" in loaded.warnings[0].problem
    free = "price: {input_usd_per_mtok: 0, output_usd_per_mtok: 0}"
    assert load(pool(f"{{model: openai/gpt-6-luna, api_base: http://h/v1, {free}}}")).warnings == ()


def test_a_supports_list_is_complete(load: Load) -> None:
    deployment = load(pool("{model: openai/gpt-6-luna, supports: [tools]}")).pool["small"].deployment
    assert deployment.supports == {"tools": True, "vision": False, "audio": False, "json_schema": False}


def test_lacks_takes_away_from_what_the_table_says(load: Load) -> None:
    deployment = load(pool("{model: openai/gpt-6-luna, lacks: vision}")).pool["small"].deployment
    assert deployment.supports["vision"] is False
    assert deployment.supports["tools"] is True


def test_what_a_provider_does_not_have_is_known_of_its_deployments(load: Load) -> None:
    refuses = load(pool("{model: anthropic/claude-opus-4-5}")).pool["small"].deployment.refuses
    assert {"n", "logprobs"} <= refuses
    assert load(pool("{model: openai/gpt-4o-mini}")).pool["small"].deployment.refuses == frozenset()


def test_supports_and_lacks_together_are_an_error(complaints: Complain) -> None:
    assert "pool.small.lacks" in complaints(pool("{model: openai/gpt-6-luna, supports: [tools], lacks: [vision]}"))


def test_like_borrows_abilities_but_no_price(load: Load) -> None:
    text = "{model: openai/mine, api_base: http://h/v1, like: anthropic/claude-opus-5}"
    deployment = load(pool(text)).pool["small"].deployment
    assert deployment.context_window == 1_000_000
    assert deployment.supports["tools"]
    assert deployment.price is None


def test_what_writes_text_only_is_asked_for_nothing_else(load: Load) -> None:
    loaded = load(pool("{model: gemini/gemini-2.5-flash}"))
    assert {"modalities", "audio", "top_logprobs"} <= loaded.pool["small"].deployment.refuses
    assert not load(pool("{model: openai/gpt-audio}")).pool["small"].deployment.refuses


def test_like_may_name_a_model_that_only_the_classifier_knows(load: Load) -> None:
    text = "{model: openai/mine, api_base: http://h/v1, like: claude-3-haiku-20240307, supports: [tools]}"
    deployment = load(pool(text)).pool["small"].deployment
    assert deployment.like == "claude-3-haiku-20240307"
    assert deployment.context_window is None


def test_like_names_a_model_that_somebody_knows_or_is_told_the_nearest(complaints: Complain) -> None:
    found = complaints(pool("{model: openai/mine, api_base: http://h/v1, like: gtp-4o-mini}"))
    assert "did you mean gpt-4o-mini" in found["pool.small.like"].fix
    assert "pool.small.like" in complaints(pool("{model: openai/mine, api_base: http://h/v1, like: openai/nobody}"))


def test_timeouts_fall_back_on_the_limits(load: Load) -> None:
    text = pool("{model: openai/gpt-6-luna, timeouts: {idle_s: 7}}") + "limits: {connect_s: 2}"
    timeouts = load(text).pool["small"].timeouts
    assert (timeouts.idle_s, timeouts.connect_s, timeouts.total_s) == (7, 2, 600)


@pytest.mark.parametrize("base", ["h/v1", "ftp://h", "http://", "'http://h:x/'", "http://u:p@h/v1"])
def test_an_address_is_an_http_url_without_credentials(complaints: Complain, base: str) -> None:
    assert "pool.small.api_base" in complaints(pool(f"{{model: openai/x, api_base: {base}}}"))


@pytest.mark.parametrize("base", ["http://h/v1", "http://h/v1/", "http://h/v1/chat/completions"])
def test_an_address_may_be_written_as_people_write_it(load: Load, base: str) -> None:
    assert load(pool(f"{{model: openai/x, api_base: {base}}}")).pool["small"].api_base == "http://h/v1"


@pytest.mark.parametrize(
    ("base", "taken", "said"),
    [
        ("http://h/v1?a=1", "http://h/v1?a=1", None),
        ("http://h/v1/chat/completions/", "http://h/v1", "http://h/v1"),
        ("http://h/v1/chat/completions?a=1", "http://h/v1?a=1", "http://h/v1"),
        ("http://h/v1/completions", "http://h/v1/completions", "http://h/v1"),
        ("http://h/v1/embeddings", "http://h/v1/embeddings", "http://h/v1"),
    ],
)
def test_an_address_that_names_an_endpoint_is_a_warning(load: Load, base: str, taken: str, said: str | None) -> None:
    free = "supports: [tools], price: {input_usd_per_mtok: 0, output_usd_per_mtok: 0}"
    loaded = load(pool(f"{{model: openai/x, api_base: '{base}', {free}}}"))
    assert loaded.pool["small"].api_base == taken
    fixes = [(warning.key, warning.line, warning.fix.rpartition(" ")[2]) for warning in loaded.warnings]
    assert fixes == ([("pool.small.api_base", 2, said)] if said else [])


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "connection", "x y"])
def test_a_header_that_would_break_every_call_is_refused(complaints: Complain, name: str) -> None:
    found = complaints(pool(f"{{model: openai/x, api_base: http://h/v1, headers: {{{name}: a, x-fine: b}}}}"))
    assert [key.removeprefix("pool.small.headers.") for key in found] == [name]


def test_a_server_without_a_usual_address_needs_one(complaints: Complain) -> None:
    assert "pool.small.api_base" in complaints(pool("{model: hosted_vllm/qwen3}"))


@pytest.mark.parametrize(
    ("model", "provider", "upstream", "direct"),
    [
        ("openai/gpt-6-luna", "openai", "gpt-6-luna", True),
        ("openrouter/anthropic/claude-opus-5", "openrouter", "anthropic/claude-opus-5", True),
        ("ollama/qwen3:8b", "ollama", "qwen3:8b", True),
        ("fireworks_ai/glm-5p1", "fireworks_ai", "accounts/fireworks/models/glm-5p1", True),
        ("anthropic/claude-opus-5", "anthropic", "claude-opus-5", False),
        ("bedrock/anthropic.claude-opus-4-6-v1", "bedrock", "anthropic.claude-opus-4-6-v1", False),
        ("scripted/small", "scripted", "small", False),
    ],
)
def test_the_prefix_says_who_is_asked_and_how(
    load: Load, model: str, provider: str, upstream: str, direct: bool
) -> None:
    target = load(pool(f'{{model: "{model}"}}'), OPENROUTER_API_KEY="k", FIREWORKS_API_KEY="k").pool["small"]
    assert (target.provider, target.upstream_model, target.direct) == (provider, upstream, direct)
    assert (target.api_base is not None) == direct


def test_an_empty_pool_is_an_error(complaints: Complain) -> None:
    assert "pool" in complaints("pool: {}" + ROUTING)


@pytest.mark.parametrize("entry", ["", "openai/gpt-6-luna", "[1]", "3"])
def test_a_deployment_is_a_mapping_with_a_model(complaints: Complain, entry: str) -> None:
    assert {"pool.small", "pool.small.model"} & set(complaints(pool(entry)))
