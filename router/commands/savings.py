"""``fusion-router savings``: what was spent, what baselines would have cost, and how sure the difference is."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from router.catalog import Catalog
from router.commands.ledger import opened, reporting
from router.commands.settings import read_settings
from router.core.types import Price

if TYPE_CHECKING:
    from router.record.ledger.savings import Against, Part, Savings


def run(options: argparse.Namespace) -> int:
    """Add the ledger up, and print it."""
    pool = _pool_prices(options)
    if pool is None:
        return 1
    try:
        baselines = _prices(options.baseline, pool)
    except KeyError as error:
        print(error.args[0], file=sys.stderr)
        return 1
    return reporting(lambda: _print(options, baselines))


def _print(options: argparse.Namespace, baselines: Mapping[str, Price]) -> int:
    from router.record.ledger.savings import CPU_USD_PER_HOUR, FOR_EVER, savings
    from router.record.ledger.stats import stats

    cpu_usd_per_hour = options.cpu_usd_per_hour or CPU_USD_PER_HOUR
    with opened(options) as engine:
        until_s = FOR_EVER if options.until is None else options.until
        found = savings(engine, options.since, baselines, cpu_usd_per_hour, options.seed, until_s)
        nothing = "" if found.requests else _span(stats(engine))
    if options.json:
        priced = {name: {"input_usd_per_mtok": price.input * 1e6, "output_usd_per_mtok": price.output * 1e6,
                         "source": price.source} for name, price in baselines.items()}  # fmt: skip
        facts = {**asdict(found), "unpriced_share": found.unpriced_share, "prices": priced,
                 "since": options.since, "until": options.until, "cpu_usd_per_hour": cpu_usd_per_hour, "seed": options.seed}  # fmt: skip
        print(json.dumps(facts, indent=2))
    else:
        print(nothing or "\n".join(_lines(found, cpu_usd_per_hour)))
    return 0


def _span(held: Mapping[str, Any]) -> str:
    if not held["requests"]:
        return "No requests: the ledger is empty."
    first, last = (
        datetime.fromtimestamp(held[end], UTC).strftime("%Y-%m-%dT%H:%MZ") for end in ("first_at", "last_at")
    )
    return f"No requests in that time: the ledger's are from {first} to {last}; say --since, and --until."


def _lines(found: "Savings", cpu_usd_per_hour: float) -> list[str]:
    stages = ", ".join(f"{stage} ${cost:.6f}" for stage, cost in found.by_stage.items()) or "nothing"
    lines = [
        f"{found.requests} requests, spent ${found.spent_usd:.6f}",
        f"  by stage        {stages}",
        f"  the classifier  ${found.classifier_usd:.6f} of CPU time at ${cpu_usd_per_hour:g} an hour",
        f"  for nothing     ${found.wasted_usd:.6f} on requests that failed or were aborted",
    ]
    if found.unpriced:
        lines.append(
            f"  unpriced        {found.unpriced} requests ({found.unpriced_share:.1%}): no price is known for a model that "
            f"was called; their known ${found.unpriced_usd:.6f} is in no comparison below"
        )
    if found.embeddings:
        lines.append(
            f"  beside it       {found.embeddings} embeddings requests, ${found.embeddings_usd:.6f}, not compared"
        )
    if found.uncalled:
        lines.append(f"  without a call  {found.uncalled} requests that no model was asked for, not compared")
    lines += ["", *_table(_AGAINST, [_against(against, found.recorded_baselines) for against in found.against]), ""]
    lines += _parts("route", found.routes)
    return [*lines, "", *_parts("key", found.keys)] if found.keys else lines


_AGAINST = (
    "baseline",
    "requests",
    "spent $",
    "would have cost $",
    "saved $",
    "95 % interval",
    "share",
    "95 % interval",
)
_PART = ("requests", "spent $", "would have cost $", "saved $", "95 % interval")


def _parts(what: str, parts: Sequence["Part"]) -> list[str]:
    rows = [
        (
            *(part.name, str(part.requests), _usd(part.spent_usd), _usd(part.would_usd), _signed(part.saved_usd)),
            _interval(part.interval_usd),
        )
        for part in parts
    ]
    return _table((what, *_PART), rows)


def _against(against: "Against", recorded: Sequence[str]) -> tuple[str, ...]:
    from router.record.ledger.savings import RECORDED

    name = against.baseline
    if name == RECORDED and recorded:
        name = f"{', '.join(recorded)} (as recorded)"
    return (
        name,
        str(against.requests),
        _usd(against.spent_usd),
        _usd(against.would_usd),
        _signed(against.saved_usd),
        _interval(against.interval_usd),
        "-" if against.share is None else _share(against.share),
        "-" if against.share_interval is None else " to ".join(_share(end) for end in against.share_interval),
    )


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    return [
        "  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in (head, *rows)
    ]  # fmt: skip


def _usd(amount: float) -> str:
    return f"{amount:.6f}"


def _signed(amount: float) -> str:
    return f"{round(amount, 6) + 0.0:+.6f}"  # + 0.0: what rounds to nothing has no sign


def _interval(ends: Sequence[float] | None) -> str:
    return "-" if ends is None else " to ".join(_signed(end) for end in ends)


def _share(share: float) -> str:
    return f"{round(share, 3) + 0.0:+.1%}"


def _pool_prices(options: argparse.Namespace) -> dict[str, Price | None] | None:
    """Prices of the config's deployments, by name: none without a config; None where it cannot be used, which was said."""
    if options.config is None:
        return {}
    settings = read_settings(options.config, calls=False)
    return None if settings is None else {name: target.deployment.price for name, target in settings.pool.items()}


def _prices(names: Sequence[str], pool: Mapping[str, Price | None]) -> dict[str, Price]:
    """Each baseline's price: of a deployment of that name, or of that model in the packaged table.

    Raises:
        KeyError: no price is known; the message says what would be right.
    """
    catalog, found = Catalog(), dict[str, Price]()
    for name in names:
        facts = catalog.facts(name)
        price = pool.get(name, facts.price if facts is not None else None)
        if price is None:
            raise KeyError(
                f"--baseline {name}: no price is known; write a provider-prefixed model such as openai/gpt-4o, or with "
                f"--config a deployment's name{': ' + ', '.join(sorted(pool)) if pool else ''}"
            )
        found[name] = price
    return found
