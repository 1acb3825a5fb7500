"""The ``pool`` section: each deployment's file entry and the catalog's facts → a target."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args
from urllib.parse import urlsplit

from classifier.abilities import Abilities
from router.catalog import Catalog, ModelFacts, known_providers
from router.config.fields import Section, nearest, sections
from router.config.sections import LEAST_TIME_S, warn_of_void_timeouts
from router.core.types import Capability, Deployment, Price
from router.core.usage import tier_named
from router.dispatch.address import HEADER_NAME, OUR_HEADERS
from router.dispatch.provider import Target, Timeouts
from router.dispatch.scripted import scripted_script
from router.providers import PROVIDERS, ProviderFacts, facts_of, key_of, split_model, upstream_name
from router.settings import LimitSettings

CAPABILITIES: tuple[Capability, ...] = get_args(Capability)

_PRICE_EXTRAS = (
    "cached_input", "cache_write", "cache_write_1h", "reasoning", "audio_input", "cached_audio_input", "audio_output",
)  # fmt: skip
"""Each falls back on another kind's price where it is not given; see ``Price``."""

_PER_MTOK = 1_000_000

_ENDPOINTS = ("/completions", "/embeddings", "/responses")
"""What people copy an address with; each provider's base ends before it."""


def read_pool(
    section: Section, catalog: Catalog, limits: LimitSettings, known: Callable[[], Abilities | None]
) -> dict[str, Target]:
    """Read every deployment; those with complaints are left out where they cannot be made sense of.

    Args:
        section: the file's ``pool``.
        catalog: what models cost and can do.
        limits: time-outs, where a deployment names none.
        known: the models whose success the artifact can foretell; None where there is no artifact to be read.
    """
    pool: dict[str, Target] = {}
    for name, entry in sections(section):
        target = _Entry(name, entry, catalog, limits, known).target()
        entry.close()
        if target is not None:
            pool[name] = target
    if not section.names():
        example = "small: {model: openai/gpt-6-luna}"
        section.book.complain("pool", "has no deployments", f"add at least one, e.g. {example}", section.line)
    return pool


@dataclass(frozen=True, slots=True)
class _Entry:
    """One deployment of the file."""

    name: str
    section: Section
    catalog: Catalog
    limits: LimitSettings
    known: Callable[[], Abilities | None]

    def target(self) -> Target | None:
        model = self._model()
        like = self.section.text("like", None, "a known model, e.g. openai/gpt-4o-mini")
        facts = self._facts(model, like)
        price = self._price(facts, model)
        supports = self._supports(facts)
        context_window = self.section.whole("context_window", facts.context_window, 1)
        max_output_tokens = self.section.whole("max_output_tokens", facts.max_output_tokens, 1)
        given_base = self._api_base()
        api_key = self.section.secret("api_key")
        headers = self._headers()
        timeouts = self._timeouts()
        if model is None:
            return None
        provider, _ = split_model(model)
        known = facts_of(provider)
        self._check_base(provider, known, given_base)
        self._warn_of_list_price(provider, known, given_base, price)
        return Target(
            deployment=Deployment(
                self.name,
                model,
                price,
                context_window,
                max_output_tokens,
                supports,
                like,
                known.refuses | facts.refuses,
            ),
            provider=provider,
            upstream_model=upstream_name(model),
            api_base=given_base or known.api_base,
            api_key=api_key or self._key_from_environment(provider, known, given_base),
            direct=known.direct,
            headers=headers,
            timeouts=timeouts,
        )

    def _model(self) -> str | None:
        model = self.section.text("model", None, "a provider-prefixed model id")
        if model is None:
            if self.section.node("model") is None:
                self.section.complain("model", "is missing", "write e.g. model: openai/gpt-6-luna")
            return None
        provider, rest = split_model(model)
        if not provider or not rest:
            fix = f"put the provider before it, e.g. openai/{rest or 'gpt-6-luna'}"
            self.section.complain("model", f"{model!r} does not say which provider serves it", fix)
            return None
        if provider not in PROVIDERS and provider not in (known := known_providers()):
            fix = "see litellm's list of providers; a server with OpenAI's dialect is openai/… with api_base"
            close = nearest(provider, known)
            hint = f"did you mean {close}/{rest}?" if close else fix
            self.section.complain("model", f"names an unknown provider {provider!r}", hint)
            return None
        if provider == "scripted":
            try:
                scripted_script(model)
            except ValueError as error:
                self.section.complain("model", str(error), "see fusion-router's list of scripted models and options")
        return model

    def _facts(self, model: str | None, like: str | None) -> ModelFacts:
        """The catalog's facts of the model; those of ``like`` for what it can do, where the catalog has them."""
        own = (self.catalog.facts(model) if model else None) or ModelFacts()
        if like is None:
            return own
        borrowed = self.catalog.facts(like)
        if borrowed is not None:
            return replace(borrowed, price=own.price, deprecated_on=own.deprecated_on)
        abilities = self.known()
        if abilities is not None and abilities.find(like) is None:
            close = nearest(like, (*abilities.names, *self.catalog.names))
            fix = (
                f"did you mean {close}?" if close else "name e.g. gpt-4o-mini; fusion-router check shows what is known"
            )
            self.section.complain("like", f"is {like!r}, which neither the classifier nor litellm's table knows", fix)
        return own

    def _price(self, facts: ModelFacts, model: str | None) -> Price | None:
        section = self.section.section("price")
        price = self._given_price(section)
        if not section.names():
            if facts.price is None and model is not None:
                fix = "add price: {input_usd_per_mtok: …, output_usd_per_mtok: …}"
                self.section.warn("price", f"of {model} is not known; its calls are shown as unpriced", fix)
            return facts.price
        return price

    def _given_price(self, section: Section, of_tier: bool = False) -> Price | None:
        """The file's price, or a service tier's in it; None where it lacks what a price needs."""
        names = ("input_usd_per_mtok", "output_usd_per_mtok")
        first, second = (_per_token(section.number(name, None)) for name in names)
        extras = {kind: _per_token(section.number(f"{kind}_usd_per_mtok", None)) for kind in _PRICE_EXTRAS}
        tiers: dict[str, Price] = {}
        if not of_tier:
            for tier, entry in sections(section.section("tiers")):
                if not tier_named(tier):
                    fix = "write the tier as replies name it, e.g. priority; the usual tier's price is the price itself"
                    entry.book.complain(entry.path, "is no service tier with a price of its own", fix, entry.line)
                given = self._given_price(entry, of_tier=True)
                if given is not None:
                    tiers[tier_named(tier)] = given
        section.close()
        if section.names() or of_tier:
            for name in names:
                if section.node(name) is None:
                    section.complain(name, "is missing", "give both prices in USD per million tokens; 0 means free")
        if first is None or second is None:
            return None
        return Price(
            input=first,
            output=second,
            cached_input=extras["cached_input"],
            cache_write=extras["cache_write"],
            reasoning=extras["reasoning"],
            audio_input=extras["audio_input"],
            cached_audio_input=extras["cached_audio_input"],
            audio_output=extras["audio_output"],
            cache_write_1h=extras["cache_write_1h"],
            tiers=tiers,
        )

    def _supports(self, facts: ModelFacts) -> dict[Capability, bool]:
        """What the file says; a ``supports`` list is complete, ``lacks`` only takes away."""
        section = self.section
        given, lacks = section.node("supports"), set(self._capabilities("lacks"))
        if given is None:
            return {**facts.supports, **dict.fromkeys(lacks, False)}
        supports = set(self._capabilities("supports"))
        if lacks:
            section.complain("lacks", "is given beside supports", "keep supports alone: what is not in it is lacking")
        return {capability: capability in supports for capability in CAPABILITIES}

    def _capabilities(self, name: str) -> list[Capability]:
        found: list[Capability] = []
        for node, value in self.section.located_texts(name):
            if value in CAPABILITIES:
                found.append(value)
            else:
                close = nearest(value, CAPABILITIES)
                fix = f"did you mean {close}?" if close else f"write some of {', '.join(CAPABILITIES)}"
                self.section.book.complain(node.path, f"is {value!r}, which is no capability", fix, node.line)
        return found

    def _api_base(self) -> str | None:
        base = self.section.text("api_base", None, "a URL such as http://127.0.0.1:8001/v1")
        if base is None:
            return None
        problem = _url_problem(base)
        if problem:
            self.section.complain("api_base", problem, "write a URL such as http://127.0.0.1:8001/v1")
            return None
        parts = urlsplit(base.rstrip("/"))  # the query stays: Azure's has a version
        path = parts.path.rstrip("/").removesuffix("/chat/completions")
        shown = parts._replace(path=path, query="").geturl()
        if path != parts.path.rstrip("/"):
            self.section.warn("api_base", "names an endpoint and is taken without it", f"write the base: {shown}")
        elif path.endswith(_ENDPOINTS):
            problem, fix = "seems to name an endpoint, to which /chat/completions is added", "write the base, e.g. "
            self.section.warn("api_base", problem, fix + shown.rpartition("/")[0])
        return parts._replace(path=path).geturl()

    def _check_base(self, provider: str, known: ProviderFacts, given: str | None) -> None:
        if known.direct and known.api_base is None and given is None and self.section.node("api_base") is None:
            fix = "add e.g. api_base: http://127.0.0.1:8001/v1"
            self.section.complain("api_base", f"is missing, and {provider} has no usual address", fix)

    def _warn_of_list_price(self, provider: str, known: ProviderFacts, given: str | None, price: Price | None) -> None:
        if given is None or price is None or known.local or self.section.node("price") is not None:
            return
        if _host(given) != _host(known.api_base or ""):
            fix = "add price if this server charges differently; 0 means free"
            self.section.warn("price", f"is taken to be {provider}'s, though api_base is another server's", fix)

    def _key_from_environment(self, provider: str, known: ProviderFacts, given_base: str | None) -> str | None:
        """The provider's own key, but only for the provider's own address: it must not leak to another's."""
        if self.section.node("api_key") is not None or not known.key_env:
            return None
        elsewhere = given_base is None or _host(given_base) != _host(known.api_base or "")
        if elsewhere and self.section.node("api_base") is not None:
            return None
        if held := key_of(provider, self.section.book.env):
            return held[1]
        first = known.key_env[0]
        problem, fix = f"is missing, and {first} is not set", f"export {first}=… or give api_key"
        self.section.book.miss(self.section.key("api_key"), problem, fix, self.section.line)
        return None

    def _headers(self) -> dict[str, str]:
        section = self.section.section("headers")
        for name in section.names():
            if not HEADER_NAME.fullmatch(name):
                section.complain(name, "is no header's name", "write letters, digits and hyphens, without blanks")
            elif name.lower() in OUR_HEADERS:
                section.complain(name, "is set by the gateway for every call", "remove it")
        return self.section.secrets("headers")

    def _timeouts(self) -> Timeouts:
        section, limits = self.section.section("timeouts"), self.limits
        timeouts = Timeouts(
            connect_s=section.number("connect_s", limits.connect_s, LEAST_TIME_S),
            first_byte_s=section.number("first_byte_s", limits.first_byte_s, LEAST_TIME_S),
            idle_s=section.number("idle_s", limits.idle_s, LEAST_TIME_S),
            total_s=section.number("total_s", limits.total_s, LEAST_TIME_S),
        )
        section.close()
        warn_of_void_timeouts(section, timeouts)
        return timeouts


def _per_token(usd_per_mtok: float | None) -> float | None:
    return None if usd_per_mtok is None else usd_per_mtok / _PER_MTOK


def _host(url: str) -> str | None:
    return urlsplit(url).hostname


def _url_problem(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "is not an http or https URL"
    if parts.username or parts.password:
        return "carries credentials, which belong into api_key or headers"
    return None
