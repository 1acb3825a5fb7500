"""What models cost and can do, from the table that litellm ships. litellm itself is never imported here.

The table is looked up once for the models at hand and dropped: three megabytes of JSON take about 25 ms to read
and are not needed again. What the table does not say is None or absent, never zero or False.
"""

import importlib.metadata
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from router.core.types import Capability, Price
from router.dispatch.scripted import scripted_profile, scripted_script
from router.providers import PROVIDERS, facts_of, split_model

_TABLE = "model_prices_and_context_window_backup.json"
_PROVIDER_LIST = "provider_endpoints_support_backup.json"

_FLAG: Mapping[Capability, str] = {
    "vision": "supports_vision",
    "audio": "supports_audio_input",
    "tools": "supports_function_calling",
    "json_schema": "supports_response_schema",
}
_MODALITY: Mapping[Capability, str] = {"vision": "image", "audio": "audio"}
_SHAPES_BEYOND_TEXT = frozenset({"modalities", "audio"})
_LONG = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")
_TIER = re.compile(r"input_cost_per_token_([a-z]+)")
_TIER_NAMES: Mapping[str, tuple[str, ...]] = {"batches": ("batch",), "priority": ("priority", "fast")}
"""The table's word for a service tier → the providers' in their replies, where they differ. Source: litellm's cost module."""

_RESOLD = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "gemini",
    "mistralai": "mistral",
    "deepseek": "deepseek",
    "x-ai": "xai",
    "moonshotai": "moonshot",
}
"""OpenRouter's word for a maker → the provider under which the table lists the maker's own models.

Source: OpenRouter's FAQ: the underlying providers' prices are passed through, without a markup on inference. Its fee on
buying credits is not in here.
"""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model; None or absent where it is not.

    Attributes:
        context_window: tokens. The table gives the longest prompt, which for some providers leaves the answer
            out; taking it for the whole window errs on the safe side.
        deprecated_on: ISO date on which the provider turns the model off.
        refuses: fields that change the answer's shape and that the model is known not to have.
    """

    price: Price | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    supports: Mapping[Capability, bool] = field(default_factory=dict)
    deprecated_on: str | None = None
    refuses: frozenset[str] = frozenset()


class Catalog:
    """litellm's table for as long as this object lives. Make one, look up what the pool needs, let it go."""

    def __init__(
        self,
        table: Mapping[str, Any] | None = None,
        source: str | None = None,
    ) -> None:
        """Read the packaged table unless one is handed in."""
        self._table = _packaged_table() if table is None else table
        self._source = f"litellm {litellm_version()}" if source is None else source

    @property
    def names(self) -> tuple[str, ...]:
        """Every model that the table lists, as it lists it."""
        return tuple(self._table)

    def facts(self, model: str) -> ModelFacts | None:
        """Look up a provider-prefixed model id; None where the table does not have it."""
        provider, rest = split_model(model)
        if provider == "scripted":
            return scripted_facts(model)
        entry = self._entry(provider, rest)
        if entry is not None:
            return _facts(entry, self._source, free_is_a_price=facts_of(provider).local and "cloud" not in rest)
        return self._resold(rest) if provider == "openrouter" else None

    def search_usd(self, provider: str) -> float | None:
        """What one web search costs at a provider, in its smallest size; None where the table does not say."""
        entry = self._table.get(f"{provider}/search")
        if not isinstance(entry, dict):
            return None
        tiers = entry.get("tiered_pricing") or [entry]
        usd = tiers[0].get("input_cost_per_query") if isinstance(tiers[0], dict) else None
        return float(usd) if isinstance(usd, int | float) else None

    def _entry(self, provider: str, rest: str) -> Mapping[str, Any] | None:
        """The table's entry; names without prefix count only where they are listed for that very provider."""
        prefixed = self._table.get(f"{provider}/{rest}")
        if isinstance(prefixed, dict):
            return prefixed
        if provider == "bedrock":
            rest = rest.removeprefix("converse/").removeprefix("invoke/")
        bare = self._table.get(rest)
        if isinstance(bare, dict) and str(bare.get("litellm_provider", "")).startswith(provider):
            return bare
        return None

    def _resold(self, rest: str) -> ModelFacts | None:
        maker, name = split_model(rest)
        provider = _RESOLD.get(maker)
        if provider is None or ":" in name:  # ":free", ":nitro", … have other prices
            return None
        entry = self._entry(provider, name) or self._entry(provider, name.replace(".", "-"))
        return None if entry is None else _facts(entry, f"{self._source}, as sold by {provider}", False)


def scripted_facts(model: str) -> ModelFacts | None:
    """The facts of a ``scripted/…`` model; None where there is no such built-in or its options are wrong."""
    try:
        scripted_script(model)
    except ValueError:
        return None
    profile = scripted_profile(model)
    return ModelFacts(profile.price, profile.context_window, profile.max_output_tokens, profile.supports)


@cache
def litellm_version() -> str:
    """The installed litellm's version, which names the table's edition."""
    return importlib.metadata.version("litellm")


def known_providers() -> frozenset[str]:
    """Every provider prefix that we or litellm know; ours alone where litellm's list is missing."""
    path = _package_file(_PROVIDER_LIST)
    listed = orjson.loads(path.read_bytes())["providers"] if path else {}
    return frozenset(PROVIDERS) | frozenset(listed)


def _package_file(name: str) -> Path | None:
    spec = importlib.util.find_spec("litellm")  # finds the package without running it
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / name
    return path if path.is_file() else None


def _packaged_table() -> Mapping[str, Any]:
    path = _package_file(_TABLE)
    if path is None:
        return {}
    table = orjson.loads(path.read_bytes())
    return table if isinstance(table, dict) else {}


def _facts(entry: Mapping[str, Any], source: str, free_is_a_price: bool) -> ModelFacts:
    return ModelFacts(
        price=_price(entry, source, free_is_a_price),
        context_window=_tokens(entry.get("max_input_tokens")),
        max_output_tokens=_tokens(entry.get("max_output_tokens")),
        supports=_supports(entry),
        deprecated_on=entry.get("deprecation_date"),
        refuses=_SHAPES_BEYOND_TEXT if entry.get("supported_output_modalities") == ["text"] else frozenset(),
    )


def _tokens(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and value > 0 else None


def _supports(entry: Mapping[str, Any]) -> dict[Capability, bool]:
    supports: dict[Capability, bool] = {}
    modalities = entry.get("supported_modalities")
    for capability, flag in _FLAG.items():
        if isinstance(entry.get(flag), bool):
            supports[capability] = entry[flag]
        elif capability in _MODALITY and isinstance(modalities, list):
            supports[capability] = _MODALITY[capability] in modalities
    return supports


def _price(entry: Mapping[str, Any], source: str, free_is_a_price: bool) -> Price | None:
    ranges = entry.get("tiered_pricing")
    if isinstance(ranges, list) and ranges:
        return _ranged_price(ranges, source)
    base = _one_price(entry, "", source)
    if base is None or (base.input == base.output == 0 and not free_is_a_price):
        return None  # the table writes 0 where it does not know
    thresholds = sorted(int(match[1]) for key in entry if (match := _LONG.fullmatch(key)))
    if thresholds:
        base = _with_long(entry, "", thresholds[0], base, base)
    tiers: dict[str, Price] = {}
    for word in [match[1] for key, told in entry.items() if told and (match := _TIER.fullmatch(key))]:
        tier = _one_price(entry, f"_{word}", source, base) or base
        if base.above is not None:
            tier = _with_long(entry, f"_{word}", thresholds[0], tier, base.above)
        tiers |= dict.fromkeys(_TIER_NAMES.get(word, (word,)), tier)
    return replace(base, tiers=tiers) if tiers else base


def _with_long(entry: Mapping[str, Any], tier: str, threshold_k: int, price: Price, otherwise: Price) -> Price:
    """The price with that of long prompts; what the table does not say of them is as in ``otherwise``."""
    above = _one_price(entry, f"_above_{threshold_k}k_tokens{tier}", price.source, otherwise)
    return price if above is None else replace(price, above_tokens=threshold_k * 1000, above=above)


def _one_price(entry: Mapping[str, Any], suffix: str, source: str, base: Price | None = None) -> Price | None:
    """Read the per-token costs whose keys end in ``suffix``; what is missing there stays as in ``base``."""

    def cost(kind: str, fallback: float | None) -> float | None:
        value = entry.get(kind + suffix)
        return float(value) if isinstance(value, int | float) and value >= 0 else fallback

    input_cost = cost("input_cost_per_token", base.input if base else None)
    output_cost = cost("output_cost_per_token", base.output if base else None)
    if input_cost is None or output_cost is None:
        return None
    reasoning = cost("output_cost_per_reasoning_token", None)
    cached = cost("cache_read_input_token_cost", base.cached_input if base else None)
    written = cost("cache_creation_input_token_cost", base.cache_write if base else None)
    return Price(
        input=input_cost,
        output=output_cost,
        cached_input=cached or None,  # 0 is the table's "not told"; free tokens would flatter the bill
        cache_write=written or None,
        reasoning=None if reasoning == output_cost else reasoning,
        source=source,
        audio_input=cost("input_cost_per_audio_token", base.audio_input if base else None) or None,
        cached_audio_input=cost("cache_read_input_audio_token_cost", base.cached_audio_input if base else None) or None,
        audio_output=cost("output_cost_per_audio_token", base.audio_output if base else None) or None,
        cache_write_1h=cost("cache_creation_input_token_cost_above_1hr", base.cache_write_1h if base else None) or None,
    )


def _ranged_price(ranges: list[Any], source: str) -> Price | None:
    """Read a list of prompt-length ranges, the longest first so that each becomes the one above the next."""
    price: Price | None = None
    for told in sorted(ranges, key=lambda told: float(told["range"][0]), reverse=True):
        own = _one_price(told, "", source)
        if own is None:
            return None
        price = own if price is None else replace(own, above_tokens=int(told["range"][1]), above=price)
    return price
