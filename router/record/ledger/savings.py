"""What was saved, out of the ledger: what was spent, what baselines would have cost, and how sure the difference is.

| word | what it counts |
|---|---|
| spent | every priced call of every request, the failed and the aborted ones' too, and the classifier's own CPU time |
| would have cost | the tokens of the calls that answered, or that a hang-up cut off while they did, at a baseline's prices |
| | (``router.core.cost``); what failed, nothing |
| saved | the difference, signed, over the requests where both sides are known |
| interval | the middle 95 % of the totals of requests drawn again with replacement |

Embeddings are left out: no chat model could have answered them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import orjson
from sqlalchemy import ColumnElement, Engine, RowMapping, func, select

from router.core.cost import counterfactual_cost_usd
from router.core.types import Price, Special, Usage
from router.record.ledger.database import READING
from router.record.ledger.schema import CALLS, REQUESTS
from router.record.record import EMBEDDINGS

RECORDED = "as recorded"
"""The baseline that the config named when the requests came."""

CPU_USD_PER_HOUR = 0.05
"""Of one core. Source: on-demand list prices of general-purpose virtual CPUs, 0.04 to 0.05 in 2025."""

FOR_EVER = float("inf")
RESAMPLES = 1_000
BLOCKS = 10_000
"""More requests than this are drawn in random blocks, which leaves the spread of a total as it is."""

PART_BLOCKS = 1_000
"""Of each key's, of which there may be many."""

_PAGE = 2_000
_COLUMNS = (
    "seq", "endpoint", "caller", "route", "model", "outcome", "cost_usd", "unpriced", "baseline", "baseline_cost_usd", "savings_usd",
    "assess_s", "answered_input_tokens", "answered_output_tokens", "answered_cached_tokens",
    "answered_cache_write_tokens", "answered_reasoning_tokens", "answered_special",
)  # fmt: skip

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Against:
    """One baseline's side.

    Attributes:
        requests: where both sides are known.
        spent_usd: on those, the classifier's time in it.
        interval_usd, share_interval: 95 %, of ``saved_usd`` and of ``share``; None where there are too few requests.
        share: saved, of what it would have cost; None where that is nothing.
    """

    baseline: str
    requests: int
    spent_usd: float
    would_usd: float
    saved_usd: float
    interval_usd: tuple[float, float] | None
    share: float | None
    share_interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Part:
    """One route's or one key's part: of all its requests, against the recorded baseline.

    Attributes:
        interval_usd: 95 %, of ``saved_usd``; None where there are too few requests.
    """

    name: str
    requests: int
    spent_usd: float
    would_usd: float
    saved_usd: float
    interval_usd: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Savings:
    """The whole account.

    Attributes:
        by_stage: provider's money by stage: answer, panel, judge, retry, shadow.
        classifier_usd: the classifier's CPU time, priced; part of what was spent.
        wasted_usd: spent on requests that failed or were aborted; part of it too.
        unpriced: requests with a call whose price is unknown; their known cost is in ``unpriced_usd`` alone.
        embeddings: requests left out.
        uncalled: requests for which no model was called, refused for what they said or for want of anybody; in no
            comparison, since the baseline would not have been called either.
        keys: by the name of the key that called; empty where nobody needs one.
    """

    requests: int
    spent_usd: float
    by_stage: Mapping[str, float]
    classifier_usd: float
    wasted_usd: float
    unpriced: int
    unpriced_usd: float
    embeddings: int
    embeddings_usd: float
    uncalled: int
    recorded_baselines: tuple[str, ...]
    against: tuple[Against, ...]
    routes: tuple[Part, ...]
    keys: tuple[Part, ...]

    @property
    def unpriced_share(self) -> float:
        """Of all requests."""
        return self.unpriced / self.requests if self.requests else 0.0


@dataclass(slots=True)
class _Sums:
    """What is gathered while the rows go by; one entry a request in each array."""

    spent: list[float] = field(default_factory=list)
    would: dict[str, list[float]] = field(default_factory=dict)
    route: list[str] = field(default_factory=list)
    caller: list[str] = field(default_factory=list)
    recorded: Counter[str] = field(default_factory=Counter)
    classifier_usd: float = 0.0
    wasted_usd: float = 0.0
    unpriced: int = 0
    unpriced_usd: float = 0.0
    embeddings: int = 0
    embeddings_usd: float = 0.0
    uncalled: int = 0
    uncalled_usd: float = 0.0


def savings(
    engine: Engine,
    since_s: float,
    baselines: Mapping[str, Price],
    cpu_usd_per_hour: float = CPU_USD_PER_HOUR,
    seed: int = 0,
    until_s: float = FOR_EVER,
) -> Savings:
    """Add a ledger up.

    Args:
        baselines: further ones by name; the recorded one is always there.
        seed: of the resampling.
        since_s, until_s: requests that started from the one until before the other.
    """
    sums = _Sums(would={RECORDED: [], **{name: [] for name in baselines}})
    for row in _rows(engine, since_s, until_s):
        _add(sums, row, baselines, cpu_usd_per_hour / 3_600)
    spent = np.array(sums.spent)
    would = {name: np.array(values) for name, values in sums.would.items()}
    rng = np.random.default_rng(seed)
    return Savings(
        requests=len(spent) + sums.unpriced + sums.uncalled,
        spent_usd=float(np.sum(spent)) + sums.unpriced_usd + sums.uncalled_usd,
        by_stage=_by_stage(engine, since_s, until_s),
        classifier_usd=sums.classifier_usd,
        wasted_usd=sums.wasted_usd,
        unpriced=sums.unpriced,
        unpriced_usd=sums.unpriced_usd,
        embeddings=sums.embeddings,
        embeddings_usd=sums.embeddings_usd,
        uncalled=sums.uncalled,
        recorded_baselines=tuple(name for name, _ in sums.recorded.most_common()),
        against=tuple(_against(name, spent, values, rng) for name, values in would.items()),
        routes=_parts(sums.route, spent, would[RECORDED], rng),
        keys=_parts(sums.caller, spent, would[RECORDED], rng) if any(sums.caller) else (),
    )


def _rows(engine: Engine, since_s: float, until_s: float) -> Iterator[RowMapping]:
    query = select(*(REQUESTS.c[name] for name in _COLUMNS)).where(*_between(since_s, until_s))
    query, after = query.order_by(REQUESTS.c.seq).limit(_PAGE), 0
    while True:
        with engine.connect().execution_options(**READING) as connection:
            page = connection.execute(query.where(REQUESTS.c.seq > after)).mappings().all()
        if not page:
            return
        yield from page
        after = page[-1]["seq"]


def _add(sums: _Sums, row: RowMapping, baselines: Mapping[str, Price], cpu_usd_per_s: float) -> None:
    cost_usd, own_usd = row["cost_usd"] or 0.0, row["assess_s"] * cpu_usd_per_s
    if row["endpoint"] == EMBEDDINGS:
        sums.embeddings += 1
        sums.embeddings_usd += cost_usd
        return
    sums.classifier_usd += own_usd
    if row["model"] is None:
        sums.uncalled += 1
        sums.uncalled_usd += own_usd
        return
    if row["outcome"] != "ok":
        sums.wasted_usd += cost_usd
    if row["unpriced"]:
        sums.unpriced += 1
        sums.unpriced_usd += cost_usd + own_usd
        return
    sums.spent.append(cost_usd + own_usd)
    sums.route.append(row["route"] or "none")
    sums.caller.append(row["caller"])
    recorded_usd = np.nan if row["savings_usd"] is None else row["baseline_cost_usd"] or 0.0
    sums.would[RECORDED].append(recorded_usd)
    if row["baseline_cost_usd"] is not None:
        sums.recorded[row["baseline"]] += 1
    usage = _answered(row)
    for name, price in baselines.items():
        sums.would[name].append(counterfactual_cost_usd(usage, price) if usage is not None else 0.0)


def _answered(row: RowMapping) -> Usage | None:
    if row["answered_input_tokens"] is None:
        return None
    return Usage(
        row["answered_input_tokens"],
        row["answered_output_tokens"],
        row["answered_cached_tokens"],
        row["answered_cache_write_tokens"],
        row["answered_reasoning_tokens"],
        special=None if row["answered_special"] is None else Special(**orjson.loads(row["answered_special"])),
    )


def _between(since_s: float, until_s: float) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return REQUESTS.c.started_at >= since_s, REQUESTS.c.started_at < until_s


def _by_stage(engine: Engine, since_s: float, until_s: float) -> dict[str, float]:
    joined = CALLS.join(REQUESTS, REQUESTS.c.seq == CALLS.c.seq)
    spent = select(CALLS.c.stage, func.sum(CALLS.c.cost_usd)).select_from(joined)
    spent = spent.where(*_between(since_s, until_s), REQUESTS.c.endpoint != EMBEDDINGS).group_by(CALLS.c.stage)
    with engine.connect().execution_options(**READING) as connection:
        return {stage: cost or 0.0 for stage, cost in connection.execute(spent.order_by(CALLS.c.stage))}


def _against(name: str, spent: Floats, would: Floats, rng: np.random.Generator) -> Against:
    known = ~np.isnan(would)
    spent, would = spent[known], would[known]
    totals = _resampled(np.stack([spent, would]), rng)
    total_would = float(would.sum())
    shares = 1 - totals[0] / totals[1] if total_would and totals.size and (totals[1] > 0).all() else np.empty(0)
    return Against(
        baseline=name,
        requests=len(spent),
        spent_usd=float(spent.sum()),
        would_usd=total_would,
        saved_usd=total_would - float(spent.sum()),
        interval_usd=_middle(totals[1] - totals[0]),
        share=1 - float(spent.sum()) / total_would if total_would else None,
        share_interval=_middle(shares),
    )


def _resampled(values: Floats, rng: np.random.Generator, blocks: int | None = None) -> Floats:
    """Totals of each row of ``values`` over requests drawn again with replacement: (rows, RESAMPLES), or nothing."""
    rows, count = values.shape
    if count < 20:
        return np.empty((rows, 0))
    most = blocks or BLOCKS
    if count > most:
        blocks = count // -(
            -count // most
        )  # all of one size, but for a few: where sizes differ, the total does for that alone
        block = rng.permutation(count) % blocks
        values = np.stack([np.bincount(block, row, blocks) for row in values])
        count = blocks
    even = np.full(count, 1 / count)
    return np.concatenate([values @ rng.multinomial(count, even, 50).T for _ in range(RESAMPLES // 50)], axis=1)


def _middle(values: Floats) -> tuple[float, float] | None:
    if not len(values):
        return None
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def _parts(name_of: Sequence[str], spent: Floats, would: Floats, rng: np.random.Generator) -> tuple[Part, ...]:
    names = np.array(name_of, dtype=object)
    parts = []
    for name in sorted(set(name_of)):
        here = (names == name) & ~np.isnan(would)
        money = float(spent[here].sum()), float(would[here].sum())
        drawn = _resampled((would - spent)[None, here], rng, PART_BLOCKS)[0]
        parts.append(Part(name or "none", int(here.sum()), *money, money[1] - money[0], _middle(drawn)))
    return tuple(parts)
