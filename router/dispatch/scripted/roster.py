"""The built-in scripted models: their prices, limits, texts and habits."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from router.core.types import Capability, Price
from router.dispatch.scripted import texts
from router.dispatch.scripted.script import PREFIX, Script, UnknownScript, nearest, split_model, with_options

_SOURCE = "scripted"
_ALL: Mapping[Capability, bool] = {"vision": True, "audio": False, "tools": True, "json_schema": True}
_TEXT_ONLY: Mapping[Capability, bool] = {"vision": False, "audio": False, "tools": True, "json_schema": True}


@dataclass(frozen=True, slots=True)
class Profile:
    """A built-in scripted model.

    Attributes:
        texts: what it says when nothing else is asked for; seed and prompt choose one.
        context_window: tokens of prompt and answer together, as the catalog shows it.
    """

    price: Price
    script: Script
    texts: tuple[str, ...]
    context_window: int = 128_000
    max_output_tokens: int = 16_384
    supports: Mapping[Capability, bool] = field(default_factory=lambda: _ALL)


def _usd_per_mtok(input_usd: float, output_usd: float, cached_usd: float | None = None) -> Price:
    cached = None if cached_usd is None else cached_usd / 1e6
    return Price(input=input_usd / 1e6, output=output_usd / 1e6, cached_input=cached, source=_SOURCE)


BUILT_INS: dict[str, Profile] = {
    "small": Profile(
        price=_usd_per_mtok(0.10, 0.40, 0.025),
        script=Script(latency_ms=40, tokens_per_second=600, jitter=0.2),
        texts=texts.SMALL,
        supports=_TEXT_ONLY,
    ),
    "strong": Profile(
        price=_usd_per_mtok(5.0, 25.0, 0.50),
        script=Script(latency_ms=150, tokens_per_second=600, jitter=0.2),
        texts=texts.STRONG,
        context_window=400_000,
        max_output_tokens=64_000,
    ),
    "flash": Profile(
        price=_usd_per_mtok(0.30, 2.50, 0.03),
        script=Script(latency_ms=60, latency_tail=4, tokens_per_second=800, fail="429", fail_rate=0.03, retry_after=1),
        texts=texts.FLASH,
        context_window=1_000_000,
        max_output_tokens=64_000,
    ),
    "scholar": Profile(
        price=_usd_per_mtok(3.0, 15.0, 0.30),
        script=Script(latency_ms=180, latency_tail=3, tokens_per_second=500),
        texts=texts.SCHOLAR,
        context_window=200_000,
    ),
    "skeptic": Profile(
        price=_usd_per_mtok(1.25, 10.0, 0.125),
        script=Script(latency_ms=120, latency_tail=5, tokens_per_second=400, fail="503", fail_rate=0.05),
        texts=texts.SKEPTIC,
    ),
    "judge": Profile(
        price=_usd_per_mtok(5.0, 25.0, 0.50),
        script=Script(latency_ms=120, tokens_per_second=800, judge=True),
        texts=texts.JUDGE,
        context_window=400_000,
        max_output_tokens=64_000,
    ),
    "echo": Profile(price=_usd_per_mtok(0.0, 0.0), script=Script(echo=True), texts=texts.INSTANT),
    "instant": Profile(price=_usd_per_mtok(0.10, 0.40), script=Script(), texts=texts.INSTANT),
}
"""``flash``, ``scholar`` and ``skeptic`` make a panel; ``instant`` is for load tests, ``echo`` shows requests."""


def scripted_profile(model: str) -> Profile:
    """Look up the built-in that a model's name chooses.

    Raises:
        UnknownScript: no such built-in; the message names the nearest.
    """
    name, _ = split_model(model)
    if name not in BUILT_INS:
        raise UnknownScript(f"scripted model {name!r} is unknown; {nearest(name, BUILT_INS)}")
    return BUILT_INS[name]


def scripted_script(model: str) -> Script:
    """Read the script that a model's name asks for.

    Raises:
        ValueError: an unknown built-in or option, or a value the option cannot take.
    """
    return with_options(scripted_profile(model).script, split_model(model)[1])


def scripted_price(model: str) -> Price:
    """Give the list price of a scripted model, in USD per token; options do not change it."""
    return scripted_profile(model).price


def scripted_models() -> tuple[str, ...]:
    """List the built-ins by their full names."""
    return tuple(PREFIX + name for name in BUILT_INS)
