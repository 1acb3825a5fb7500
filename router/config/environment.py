"""A pool from the provider keys found in the environment, and the words that say what was chosen and why."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlsplit

from router.catalog import Catalog, ModelFacts
from router.config.ledger import default_url
from router.core.ask import RESERVED_NAMES
from router.core.types import Deployment, Price
from router.dispatch.provider import Target, Timeouts
from router.providers import PROVIDERS, facts_of, key_of, split_model, upstream_name
from router.settings import Complaint, LedgerSettings, LimitSettings, RoutingSettings, Settings, SettingsError


@dataclass(frozen=True, slots=True)
class Preference:
    """What a provider's key is used for: per route, the first model that the installed table lists and prices."""

    provider: str
    small: tuple[str, ...]
    strong: tuple[str, ...]


PREFERENCES: tuple[Preference, ...] = (
    Preference(
        "openai",
        ("gpt-6-luna", "gpt-5.6-luna", "gpt-5.4-nano", "gpt-5-nano", "gpt-4.1-mini", "gpt-4o-mini"),
        ("gpt-6.1-sol", "gpt-6-sol", "gpt-5.6", "gpt-5.4", "gpt-5.2", "gpt-5", "gpt-4.1"),
    ),
    Preference(
        "anthropic",
        ("claude-haiku-5-5", "claude-haiku-4-5", "claude-3-5-haiku-latest"),
        ("claude-opus-5-5", "claude-opus-5", "claude-opus-4-8", "claude-opus-4-6", "claude-opus-4-5"),
    ),
    Preference(
        "gemini",
        ("gemini-3.5-flash-lite", "gemini-3.1-flash-lite", "gemini-2.5-flash-lite"),
        ("gemini-4-argon", "gemini-3.1-pro-preview", "gemini-2.5-pro"),
    ),
    Preference(
        "openrouter",
        ("openai/gpt-6-luna", "openai/gpt-5.4-nano", "openai/gpt-5-nano"),
        ("anthropic/claude-opus-5.5", "anthropic/claude-opus-5", "anthropic/claude-opus-4.5"),
    ),
    Preference(
        "xai",
        ("grok-4.20-non-reasoning", "grok-4-fast-non-reasoning", "grok-4.3", "grok-3-mini"),
        ("grok-4.7", "grok-4.6", "grok-4.5", "grok-4", "grok-3"),
    ),
    Preference(
        "mistral",
        ("ministral-8b-latest", "mistral-small-latest"),
        ("mistral-large-4", "mistral-large-latest"),
    ),
    Preference(
        "deepseek",
        ("deepseek-v4-flash", "deepseek-flash", "deepseek-v3", "deepseek-chat"),
        ("deepseek-v4-pro", "deepseek-r1", "deepseek-reasoner"),
    ),
    Preference(
        "groq",
        ("openai/gpt-oss-20b", "llama-3.1-8b-instant"),
        ("openai/gpt-oss-120b", "llama-3.3-70b-versatile"),
    ),
)
"""In the order in which providers are preferred where several keys are found: breadth of abilities first, then the
spread between the prices of small and strong, which is what routing lives on. Each provider gives both routes, so
one key is enough. Source: litellm 1.106.2's table."""

SMALL_VARIABLE, STRONG_VARIABLE = "FUSION_ROUTER_SMALL", "FUSION_ROUTER_STRONG"
"""Name the models of a local server: what it serves cannot be known without asking it."""

_OLLAMA_PORT = 11434
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Choice:
    """What one key, or one local server, is used for; None where it serves no model for that route."""

    provider: str
    small: Target | None
    strong: Target | None
    why: str


def pool_from_environment(env: Mapping[str, str], today: str | None = None) -> Settings:
    """Choose a small and a strong model for the keys found; other providers' models stand by as fallbacks.

    Args:
        env: environment variables.
        today: ISO date; models that are turned off by then are not chosen. None asks the clock.

    Raises:
        SettingsError: no key and no local server, or a local server without names for its models.
    """
    choices = choices_from_environment(env, today)
    small = [choice.small for choice in choices if choice.small is not None]
    strong = [choice.strong for choice in choices if choice.strong is not None]
    if not small or not strong:
        raise SettingsError((_incomplete(env, bool(small), bool(strong)),))
    named = name_deployments([*small, *strong])
    pool = {name: replace(t, deployment=replace(t.deployment, name=name)) for name, t in named.items()}
    name_of = {target.deployment.model: name for name, target in pool.items()}
    routing = RoutingSettings(
        small=tuple(name_of[target.deployment.model] for target in small),
        strong=tuple(name_of[target.deployment.model] for target in strong),
        baseline=name_of[strong[0].deployment.model],
    )
    return Settings(
        pool=pool,
        routing=routing,
        ledger=LedgerSettings(url=default_url(env)),
        notes=_notes(choices),
        warnings=_warnings(pool, routing),
    )


def choices_from_environment(env: Mapping[str, str], today: str | None = None) -> list[Choice]:
    """The two models of every usable key, the preferred provider first; a local server before them all."""
    catalog = Catalog()
    day = date.today().isoformat() if today is None else today
    local = _local_choice(env, catalog)
    taken = local is not None and local.provider == "openai"  # then OPENAI_API_KEY is that server's key
    found = [_choice(p, env, catalog, day) for p in PREFERENCES if not (taken and p.provider == "openai")]
    return [choice for choice in (local, *found) if choice is not None]


def _choice(preference: Preference, env: Mapping[str, str], catalog: Catalog, day: str) -> Choice | None:
    provider = preference.provider
    held = key_of(provider, env)
    if held is None:
        return None
    variable, key = held
    small = _first(provider, preference.small, key, catalog, day)
    strong = _first(provider, preference.strong, key, catalog, day)
    if small is None or strong is None:
        return None
    return Choice(
        provider,
        small,
        strong,
        f"{variable} is set: small is {_described(small)}, strong is {_described(strong)}.",
    )


def _first(provider: str, names: tuple[str, ...], key: str, catalog: Catalog, day: str) -> Target | None:
    """The first model of a preference that is listed, priced and not turned off."""
    for name in names:
        model = f"{provider}/{name}"
        facts = catalog.facts(model)
        if facts is not None and facts.price is not None and (facts.deprecated_on or "9999") > day:
            return _target(model, facts, key, facts_of(provider).api_base)
    return None


def _target(model: str, facts: ModelFacts, key: str | None, api_base: str | None) -> Target:
    provider, _ = split_model(model)
    limits = LimitSettings()
    return Target(
        deployment=Deployment(
            name=model,
            model=model,
            price=facts.price,
            context_window=facts.context_window,
            max_output_tokens=facts.max_output_tokens,
            supports=facts.supports,
            refuses=facts_of(provider).refuses,
        ),
        provider=provider,
        upstream_model=upstream_name(model),
        api_base=api_base,
        api_key=key,
        direct=facts_of(provider).direct,
        timeouts=Timeouts(limits.connect_s, limits.first_byte_s, limits.idle_s, limits.total_s),
    )


def _local_choice(env: Mapping[str, str], catalog: Catalog) -> Choice | None:
    server = local_server(env)
    if server is None:
        return None
    variable, provider, api_base = server
    _, key = (key_of(provider, env) if provider == "openai" else None) or (None, None)

    def target(name: str | None) -> Target | None:
        model = f"{provider}/{name}"
        return _target(model, catalog.facts(model) or ModelFacts(), key, api_base) if name else None

    small, strong = target(env.get(SMALL_VARIABLE)), target(env.get(STRONG_VARIABLE))
    said = [f"{route} is {_described(t)}" for route, t in (("small", small), ("strong", strong)) if t is not None]
    unnamed = f"but neither {SMALL_VARIABLE} nor {STRONG_VARIABLE} names a model of it, so it is not used"
    return Choice(provider, small, strong, f"{variable} is {api_base}: {', '.join(said) or unnamed}.")


def local_server(env: Mapping[str, str]) -> tuple[str, str, str] | None:
    """The variable, provider and base URL of the local server that the environment names, if it does.

    Raises:
        SettingsError: the variable does not hold an address.
    """
    base, host = env.get("OPENAI_BASE_URL", "").rstrip("/"), env.get("OLLAMA_HOST", "")
    variable = "OPENAI_BASE_URL" if base else "OLLAMA_HOST"
    try:
        parts = urlsplit(base)
        if base and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("has no scheme or no host")
        if base and parts.hostname != urlsplit(PROVIDERS["openai"].api_base).hostname:
            return variable, "openai", base
        return (variable, "ollama", _ollama_base(host)) if host else None
    except ValueError:
        fix = "write an address such as http://127.0.0.1:8001/v1, or unset it"
        raise SettingsError((Complaint(variable, "is not an address", fix),)) from None


def _ollama_base(host: str) -> str:
    """Ollama's own forms: ``host``, ``host:port``, ``http://host:port``; 0.0.0.0 is where it listens.

    Source: ``envconfig.Host`` of Ollama: port 11434, but the scheme's own where a scheme is written.
    """
    parts = urlsplit(host if "://" in host else f"http://{host}")
    port = parts.port or ({"http": 80, "https": 443}.get(parts.scheme) if "://" in host else _OLLAMA_PORT)
    name = parts.hostname or _LOOPBACK
    if name == "0.0.0.0":  # noqa: S104 - read, not bound
        name = _LOOPBACK
    return f"{parts.scheme}://{f'[{name}]' if ':' in name else name}:{port}/v1"


def name_deployments(targets: list[Target]) -> dict[str, Target]:
    """Short names, the last part of the model's; the provider before it where two would be the same."""
    named: dict[str, Target] = {}
    models: set[str] = set()
    for target in targets:
        model = target.deployment.model
        if model not in models:
            models.add(model)
            short = model.rpartition("/")[2]
            unusable = short in named or short in RESERVED_NAMES
            named[f"{target.provider}-{short}" if unusable else short] = target
    return named


def _notes(choices: list[Choice]) -> tuple[str, ...]:
    notes = [choice.why for choice in choices]
    if len(choices) > 1:
        notes.append("They are asked in this order: the first that serves a route answers, the rest are fallbacks.")
    notes.append("Savings are measured against the first strong model.")
    notes.append("The fusion panel is off; fusion-router init writes a file in which it can be turned on.")
    return tuple(notes)


def _warnings(pool: Mapping[str, Target], routing: RoutingSettings) -> tuple[Complaint, ...]:
    fix = "write a config (fusion-router init) and give it a price"
    return tuple(
        Complaint(f"pool.{name}.price", "is not known; its calls are shown as unpriced", fix)
        for name, target in pool.items()
        if target.deployment.price is None
    )


def _described(target: Target) -> str:
    price: Price | None = target.deployment.price
    cost = "price unknown" if price is None else f"${price.input * 1e6:.3g} in, ${price.output * 1e6:.3g} out per Mtok"
    return f"{target.deployment.model} ({cost})"


def _incomplete(env: Mapping[str, str], has_small: bool, has_strong: bool) -> Complaint:
    if local_server(env) is None:
        variables = [facts_of(preference.provider).key_env[0] for preference in PREFERENCES]
        problem = "no provider key was found in the environment"
        fix = (
            f"set one of {', '.join(variables)}; or OPENAI_BASE_URL or OLLAMA_HOST with {SMALL_VARIABLE} and "
            f"{STRONG_VARIABLE} for a local server; or run fusion-router demo, which needs no key and no network"
        )
        return Complaint("", problem, fix)
    variables = [name for name, has in ((SMALL_VARIABLE, has_small), (STRONG_VARIABLE, has_strong)) if not has]
    problem = f"a local server is named, but not which of its models to use: {' and '.join(variables)} not set"
    fix = f"set {' and '.join(variables)} to model names the server knows, or set a provider's key"
    return Complaint("", problem, f"{fix}; fusion-router demo needs neither")
