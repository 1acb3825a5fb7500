"""Which providers speak OpenAI's dialect, where, and which environment variable holds the key. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """What is known of a provider.

    Attributes:
        api_base: base URL up to and without ``/chat/completions``; None where there is none to assume.
        key_env: environment variables that hold its key, the usual one first; empty where it needs none.
        direct: speaks OpenAI's dialect at ``api_base``; otherwise litellm translates.
        local: runs on the operator's machines: no key needed, and tokens cost nothing by themselves.
        model_prefix: what the provider's own model names begin with, where people leave it out.
        refuses: fields of a request that change the answer's shape and that none of its models has.
    """

    api_base: str | None = None
    key_env: tuple[str, ...] = ()
    direct: bool = True
    local: bool = False
    model_prefix: str = ""
    refuses: frozenset[str] = frozenset()


def _translated(*key_env: str, refuses: tuple[str, ...] = ()) -> ProviderFacts:
    return ProviderFacts(key_env=key_env, direct=False, refuses=frozenset(refuses))


_PROBABILITIES = ("logprobs", "top_logprobs")
_SOUND = ("modalities", "audio")


PROVIDERS: Mapping[str, ProviderFacts] = MappingProxyType(
    {
        "openai": ProviderFacts("https://api.openai.com/v1", ("OPENAI_API_KEY",)),
        "openrouter": ProviderFacts("https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY", "OR_API_KEY")),
        "groq": ProviderFacts("https://api.groq.com/openai/v1", ("GROQ_API_KEY",)),
        "mistral": ProviderFacts("https://api.mistral.ai/v1", ("MISTRAL_API_KEY",)),
        "deepseek": ProviderFacts("https://api.deepseek.com/beta", ("DEEPSEEK_API_KEY",)),
        "xai": ProviderFacts("https://api.x.ai/v1", ("XAI_API_KEY",)),
        "together_ai": ProviderFacts(
            "https://api.together.ai/v1",
            ("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_TOKEN"),
        ),
        "fireworks_ai": ProviderFacts(
            "https://api.fireworks.ai/inference/v1",
            ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
            model_prefix="accounts/fireworks/models/",
        ),
        "perplexity": ProviderFacts("https://api.perplexity.ai", ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY")),
        "cerebras": ProviderFacts("https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",)),
        "nvidia_nim": ProviderFacts("https://integrate.api.nvidia.com/v1", ("NVIDIA_NIM_API_KEY",)),
        "deepinfra": ProviderFacts("https://api.deepinfra.com/v1/openai", ("DEEPINFRA_API_KEY",)),
        "sambanova": ProviderFacts("https://api.sambanova.ai/v1", ("SAMBANOVA_API_KEY",)),
        "moonshot": ProviderFacts("https://api.moonshot.ai/v1", ("MOONSHOT_API_KEY",)),
        "dashscope": ProviderFacts("https://dashscope.aliyuncs.com/compatible-mode/v1", ("DASHSCOPE_API_KEY",)),
        "novita": ProviderFacts("https://api.novita.ai/v3/openai", ("NOVITA_API_KEY",)),
        "nebius": ProviderFacts("https://api.studio.nebius.ai/v1", ("NEBIUS_API_KEY",)),
        "wandb": ProviderFacts("https://api.inference.wandb.ai/v1", ("WANDB_API_KEY",)),
        "ollama": ProviderFacts("http://localhost:11434/v1", local=True),
        "lm_studio": ProviderFacts("http://localhost:1234/v1", local=True),
        "hosted_vllm": ProviderFacts(local=True),
        "vllm": ProviderFacts(local=True),
        "llamafile": ProviderFacts("http://127.0.0.1:8080/v1", local=True),
        "scripted": ProviderFacts(local=True, direct=False),
        # Translated by litellm. A key is demanded only where the provider knows no other credentials.
        "anthropic": _translated("ANTHROPIC_API_KEY", refuses=("n", *_PROBABILITIES, *_SOUND)),
        "gemini": _translated("GEMINI_API_KEY", "GOOGLE_API_KEY", refuses=("top_logprobs",)),
        "cohere": _translated("COHERE_API_KEY", "CO_API_KEY", refuses=(*_PROBABILITIES, *_SOUND)),
        "cohere_chat": _translated("COHERE_API_KEY", "CO_API_KEY", refuses=(*_PROBABILITIES, *_SOUND)),
        "ai21": _translated("AI21_API_KEY", refuses=(*_PROBABILITIES, *_SOUND)),
        "replicate": _translated("REPLICATE_API_KEY", "REPLICATE_API_TOKEN", refuses=("n", *_PROBABILITIES, *_SOUND)),
    }
)
"""By the prefix of a model id. Providers that are not here go through litellm and bring their own credentials.

Source: litellm 1.106.2, ``get_llm_provider_logic.py`` and the providers' ``transformation.py``; of ``refuses``,
the installed one's ``get_supported_openai_params``, which a test asks about every model of theirs; Ollama's, LM
Studio's and llamafile's default ports are their own documentation's.
"""


SEARXNG = "searxng"

SEARCH_PROVIDERS: tuple[str, ...] = (
    SEARXNG,
    *("agentcore", "apiserpent", "bing_grounding", "brave", "dataforseo", "deepseek", "duckduckgo", "exa_ai"),
    *("fastcrw", "firecrawl", "google_pse", "linkup", "nimble", "parallel_ai", "perplexity", "searchapi", "serper"),
    *("tavily", "tinyfish", "xai", "you_com"),
)
"""Who can search the web: an endpoint that answers as SearXNG does, and litellm's search providers.

Source: litellm 1.110.2, ``SearchProviders``.
"""


def facts_of(provider: str) -> ProviderFacts:
    """What is known of a provider; of an unknown one, that litellm is to translate."""
    return PROVIDERS.get(provider, ProviderFacts(direct=False))


def key_of(provider: str, env: Mapping[str, str]) -> tuple[str, str] | None:
    """The variable that holds a provider's key, and the key; without the line's end that secrets mounted as files have."""
    held = ((name, env.get(name, "").strip()) for name in facts_of(provider).key_env)
    return next(((name, key) for name, key in held if key), None)


def split_model(model: str) -> tuple[str, str]:
    """``openai/gpt-6-luna`` → ``("openai", "gpt-6-luna")``; the provider is empty where no prefix is given."""
    provider, slash, rest = model.partition("/")
    return (provider, rest) if slash else ("", model)


def upstream_name(model: str) -> str:
    """The name the provider itself knows: ours without the provider's prefix."""
    provider, rest = split_model(model)
    prefix = facts_of(provider).model_prefix
    return rest if not prefix or rest.startswith("accounts/") else prefix + rest
