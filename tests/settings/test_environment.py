import pytest

from router.catalog import Catalog
from router.config.environment import PREFERENCES, pool_from_environment
from router.config.load import load_settings
from router.settings import SettingsError

TODAY = "2026-06-01"


def test_without_any_key_the_demo_is_offered() -> None:
    with pytest.raises(SettingsError, match="fusion-router demo") as caught:
        load_settings(None, {})
    for preference in PREFERENCES:
        assert preference.provider.split("_")[0].upper() in str(caught.value)


@pytest.mark.parametrize("provider", [preference.provider for preference in PREFERENCES])
def test_one_key_is_enough(provider: str) -> None:
    loaded = pool_from_environment({f"{provider.upper()}_API_KEY": "key-words"}, TODAY)
    small, strong = loaded.pool[loaded.routing.small[0]], loaded.pool[loaded.routing.strong[0]]
    assert small.deployment.price is not None
    assert strong.deployment.price is not None
    assert small.deployment.price.output < strong.deployment.price.output
    assert small.deployment.supports["tools"]
    assert strong.deployment.supports["tools"]
    assert small.deployment.context_window
    assert loaded.routing.baseline == loaded.routing.strong[0]
    assert small.api_key == "key-words"
    assert small.deployment.model in loaded.notes[0]
    assert strong.deployment.model in loaded.notes[0]
    assert "key-words" not in str(loaded)
    assert "key-words" not in str(loaded.notes)


def test_what_a_provider_does_not_have_is_known_of_the_models_chosen_for_its_key() -> None:
    loaded = pool_from_environment({"ANTHROPIC_API_KEY": "a"}, TODAY)
    assert all("n" in target.deployment.refuses for target in loaded.pool.values())


def test_several_keys_make_fallbacks_in_a_stated_order() -> None:
    loaded = pool_from_environment({"GEMINI_API_KEY": "b", "OPENAI_API_KEY": "a"}, TODAY)
    assert [loaded.pool[name].provider for name in loaded.routing.small] == ["openai", "gemini"]
    assert [loaded.pool[name].provider for name in loaded.routing.strong] == ["openai", "gemini"]
    assert any("fallbacks" in note for note in loaded.notes)
    assert not loaded.fusion.enabled


def test_deployments_of_the_same_name_are_told_apart() -> None:
    loaded = pool_from_environment({"OPENROUTER_API_KEY": "b", "OPENAI_API_KEY": "a"}, TODAY)
    assert len({target.deployment.model for target in loaded.pool.values()}) == len(loaded.pool)
    assert all(name == target.deployment.name for name, target in loaded.pool.items())


def test_models_that_are_turned_off_are_not_chosen() -> None:
    models = [f"openai/{name}" for name in PREFERENCES[0].small]
    catalog = Catalog()
    dated = [model for model in models if (facts := catalog.facts(model)) and facts.deprecated_on]
    loaded = pool_from_environment({"OPENAI_API_KEY": "a"}, "2999-01-01")
    assert dated, "the table no longer dates any of these: choose another example"
    assert not {target.deployment.model for target in loaded.pool.values()} & set(dated)


def test_a_local_server_is_used_under_the_names_given() -> None:
    env = {
        "OPENAI_BASE_URL": "http://127.0.0.1:9000/v1/",
        "OPENAI_API_KEY": "local",
        "FUSION_ROUTER_SMALL": "qwen3",
        "FUSION_ROUTER_STRONG": "qwen3-big",
    }
    loaded = pool_from_environment(env, TODAY)
    assert set(loaded.pool) == {"qwen3", "qwen3-big"}, "the key is the local server's, not OpenAI's"
    assert loaded.pool["qwen3"].api_base == "http://127.0.0.1:9000/v1"
    assert loaded.pool["qwen3"].api_key == "local"
    assert {warning.key for warning in loaded.warnings} == {"pool.qwen3.price", "pool.qwen3-big.price"}


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("gpu:8080", "http://gpu:8080/v1"),
        ("https://gpu.lan", "https://gpu.lan:443/v1"),
        (":8080", "http://127.0.0.1:8080/v1"),
        ("[::1]:11434", "http://[::1]:11434/v1"),
    ],
)
def test_ollamas_host_is_read_as_ollama_reads_it(host: str, base: str) -> None:
    loaded = pool_from_environment(
        {"OLLAMA_HOST": host, "FUSION_ROUTER_SMALL": "a", "FUSION_ROUTER_STRONG": "a"}, TODAY
    )
    assert loaded.pool["a"].api_base == base
    assert loaded.routing.small == loaded.routing.strong == ("a",)


@pytest.mark.parametrize("variable", ["OPENAI_BASE_URL", "OLLAMA_HOST"])
def test_an_address_that_is_none_is_a_complaint(variable: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        pool_from_environment({variable: "http://[half"}, TODAY)


@pytest.mark.parametrize("base", ["127.0.0.1:9000", "localhost:9000/v1", "ftp://127.0.0.1", "http://", "gpu"])
def test_a_base_url_without_scheme_or_host_is_a_complaint_and_not_a_server(base: str) -> None:
    names = {"FUSION_ROUTER_SMALL": "a", "FUSION_ROUTER_STRONG": "b"}
    with pytest.raises(SettingsError, match=r"OPENAI_BASE_URL: is not an address; write an address such as http://"):
        pool_from_environment({"OPENAI_BASE_URL": base, **names}, TODAY)


def test_a_local_server_without_names_says_what_is_needed() -> None:
    with pytest.raises(SettingsError, match="FUSION_ROUTER_SMALL and FUSION_ROUTER_STRONG"):
        pool_from_environment({"OLLAMA_HOST": "127.0.0.1"}, TODAY)
    with pytest.raises(SettingsError, match="FUSION_ROUTER_STRONG") as caught:
        pool_from_environment({"OLLAMA_HOST": "127.0.0.1", "FUSION_ROUTER_SMALL": "a"}, TODAY)
    assert "FUSION_ROUTER_SMALL" not in str(caught.value)


def test_a_local_small_model_goes_with_a_providers_strong_one() -> None:
    env = {"OLLAMA_HOST": "127.0.0.1", "FUSION_ROUTER_SMALL": "qwen3", "ANTHROPIC_API_KEY": "a"}
    loaded = pool_from_environment(env, TODAY)
    assert loaded.routing.small[0] == "qwen3"
    assert loaded.pool[loaded.routing.strong[0]].provider == "anthropic"


def test_openais_own_address_is_no_local_server() -> None:
    env = {"OPENAI_BASE_URL": "https://api.openai.com/v1", "OPENAI_API_KEY": "a"}
    assert pool_from_environment(env, TODAY).pool
