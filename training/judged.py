"""Judged requests of a ledger: the numbers each prompt was judged by, and what a verdict says of both tiers.

| verdict | answered by small | answered by strong or the panel |
|---|---|---|
| ``good_fit`` | small was right, so strong would have been | strong was right, small would not have been |
| ``underpowered`` | small was wrong, strong would not have been | not even strong was right, nor would small have been |
| ``overprovisioned`` | as ``good_fit`` | strong was right, and small would have been |
| ``failed`` | neither | neither |
| ``good`` | small was right, strong is not known | strong was right, small is not known |
| ``bad`` | small was wrong, strong is not known | strong was wrong, small is not known |

A ``score`` in [0, 1] takes the verdict's place for the tier that answered. Where a prompt was asked of both tiers, what
each of them made of it outranks what is said of it on the other's answer. No text is read.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.classifier import Classifier
from router.core.prompt import Prompt
from router.core.types import Usage
from training.data import Bools, DataError, Floats, Ints, Strings
from training.metrics import SMALL_PRICE_SHARE
from training.readers.judged_requests import judged_requests
from training.readers.ledger import verdict_of
from training.replay import UNKNOWN_OUTPUT_TOKENS, Rows
from training.state import write_json

FILE = "judged.npz"

_QUALITY: Mapping[tuple[str, str], tuple[float, float]] = {
    ("small", "good_fit"): (1.0, 1.0),
    ("small", "underpowered"): (0.0, 1.0),
    ("small", "overprovisioned"): (1.0, 1.0),
    ("small", "failed"): (0.0, 0.0),
    ("strong", "good_fit"): (0.0, 1.0),
    ("strong", "underpowered"): (0.0, 0.0),
    ("strong", "overprovisioned"): (1.0, 1.0),
    ("strong", "failed"): (0.0, 0.0),
    ("small", "good"): (1.0, np.nan),
    ("small", "bad"): (0.0, np.nan),
    ("strong", "good"): (np.nan, 1.0),
    ("strong", "bad"): (np.nan, 0.0),
}
"""Quality of the small and the strong tier's answer, by who answered and the verdict on it; NaN where it says nothing of it."""

_DEAREST_SMALL = 0.99
"""A small model that costs as much as the strong one leaves no share of cost to aim at."""

_SPLITS = (("train", 50), ("calibration", 75), ("test", 100))
"""Upper ends in per cent of a hash: a prompt's split never changes, whatever else the ledger holds."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Judged requests, one entry a request.

    Attributes:
        ids: of the requests.
        features: the numbers each was judged by, float32, shape (requests, features).
        answered: by which tier, ``small`` or ``strong``.
        small, strong: quality of each tier's answer, in [0, 1]; NaN where nobody knows.
        group: requests with equal prompts share a number and a split.
        input_tokens, output_tokens: of the answer; the output is assumed where nothing was reported.
        started_at: Unix seconds.
        small_price: what small's answers cost over what strong's would have, by the prices that were recorded.
    """

    ids: Strings
    features: npt.NDArray[np.float32]
    answered: Strings
    small: Floats
    strong: Floats
    group: Ints
    split: Strings
    task: Strings
    input_tokens: Ints
    output_tokens: Ints
    started_at: Floats
    small_price: float

    def __len__(self) -> int:
        """Number of requests."""
        return len(self.ids)

    @property
    def both_known(self) -> Bools:
        """Where it is known what each of the tiers made, or would have made, of the prompt."""
        known: Bools = ~np.isnan(self.small + self.strong)
        return known

    def fingerprint(self) -> str:
        """SHA-256 over everything: equal rows, equal fingerprint."""
        found = hashlib.sha256()
        for name in self.__slots__:
            found.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return found.hexdigest()

    def window(self) -> dict[str, str | None]:
        """First and last day, ISO."""
        days = [datetime.fromtimestamp(at, UTC).date().isoformat() for at in self.started_at]
        return {"from": min(days, default=None), "to": max(days, default=None)}

    def rows(self, split: str, judge: Classifier) -> Rows:
        """The requests of a split of which both tiers are known, as an artifact judges them now."""
        mine = np.flatnonzero((self.split == split) & self.both_known)
        usages = [Usage(int(self.input_tokens[row]), int(self.output_tokens[row])) for row in mine]
        return Rows(
            index=mine,
            texts=tuple(str(name) for name in self.ids[mine]),
            small=self.small[mine],
            strong=self.strong[mine],
            group=self.group[mine],
            source=np.full(len(mine), "ledger"),
            language=np.full(len(mine), ""),
            task=self.task[mine],
            tokens=tuple(usages),
            prompts=tuple(Prompt("", input_tokens=usage.input_tokens) for usage in usages),
            assessments=tuple(judge.assess_features(self.features[row]) for row in mine),
            small_price=self.small_price,
        )


def load_judged(url: str, judge: Classifier, out: Path) -> tuple[Judged, dict[str, int]]:
    """Read the judged requests of a ledger and keep them in ``out``; also gives what was left out, by reason.

    Args:
        url: of the ledger, as in the config; or its file, or an export of it.
        judge: the artifact that is to learn; requests judged by other features than its own are left out.
        out: directory of the run.

    Raises:
        DataError: the ledger cannot be read, or holds nothing to learn from.
    """
    rejected: Counter[str] = Counter()
    sound = [row for row in judged_requests(url) if not _count(rejected, _fault(row, judge))]
    if not sound:
        raise DataError(
            "the ledger has no judged request to learn from"
            + "".join(f"; {reason}: {count}" for reason, count in sorted(rejected.items()))
            + ". Give verdicts through POST /v1/feedback or `fusion-router feedback`"
        )
    found = _assemble(sound)
    out.mkdir(parents=True, exist_ok=True)
    part = out / f"{FILE}.part.npz"
    try:
        np.savez(part, **{name: getattr(found, name) for name in Judged.__slots__})
        part.replace(out / FILE)
    finally:
        part.unlink(missing_ok=True)
    write_json(out / "judged.json", {"requests": len(found), "rejected": dict(rejected), "window": found.window()})
    return found, dict(rejected)


def answers_of(url: str, judge: Classifier, model: str) -> tuple[npt.NDArray[np.float32], Floats]:
    """Judged answers of one model: the numbers each prompt was judged by, and the answers' quality in [0, 1].

    Which prompts a model was given depends on what was thought of them, and on nothing else that bears on its answers.

    Args:
        url, judge: as for :func:`load_judged`.
        model: as the gateway's deployments name it.

    Raises:
        DataError: the ledger cannot be read, or has no judged answer of the model.
    """
    rows = [row for row in judged_requests(url) if row["route"] != "fusion" and not _fault(row, judge)]
    mine = [row for row in rows if row["model"] == model]
    if not mine:
        others = sorted({str(row["model"]) for row in rows})
        raise DataError(
            f"the ledger has no judged answer of {model!r} that can be learned from; it has some of "
            f"{', '.join(others) or 'no model'}. Name the model as the pool's deployments do"
        )
    score = [verdict_of(row) for row in mine]
    return np.array([row["features"] for row in mine], dtype=np.float32), np.array(score, dtype=np.float64)


def is_of_a_ledger(out: Path) -> bool:
    """Whether a run learned from a ledger."""
    return (out / FILE).is_file()


def kept_judged(out: Path) -> Judged | None:
    """What :func:`load_judged` kept in ``out``; None where it has not been run.

    Raises:
        DataError: another release kept it.
    """
    if not is_of_a_ledger(out):
        return None
    with np.load(out / FILE, allow_pickle=False) as arrays:
        if set(arrays.files) != set(Judged.__slots__):
            raise DataError(f"{out / FILE}: was written by another release; run again")
        values = {name: arrays[name] for name in Judged.__slots__}
    return Judged(**{**values, "small_price": float(values["small_price"])})


def _count(rejected: Counter[str], fault: str) -> bool:
    if fault:
        rejected[fault] += 1
    return bool(fault)


def _fault(row: Mapping[str, Any], judge: Classifier) -> str:
    """Why a judged request teaches nothing; empty if it does."""
    if row["outcome"] != "ok":
        return "it got no answer"
    if _side(row) is None:
        return "it was not routed"
    if row["features"] is None:
        return "no features were kept"
    if row["features_id"] != judge.features_id:
        return "judged by other features than this artifact's"
    return ""


def _side(row: Mapping[str, Any]) -> str | None:
    return {"small": "small", "strong": "strong", "fusion": "strong"}.get(row["route"] or "")


def _assemble(rows: list[dict[str, Any]]) -> Judged:
    names = [row["prompt_hash"] or row["request_id"] for row in rows]
    number_of = {name: number for number, name in enumerate(dict.fromkeys(names))}
    features = np.array([row["features"] for row in rows], dtype=np.float32)
    answered = np.array([_side(row) or "" for row in rows])
    quality = np.array([_quality(row) for row in rows])
    asked = [(name, each.tobytes()) for name, each in zip(names, features, strict=True)]
    small, strong = (
        _observed(quality[:, 0], answered == "small", asked),
        _observed(quality[:, 1], answered == "strong", asked),
    )
    return Judged(
        ids=np.array([row["request_id"] for row in rows]),
        features=features,
        answered=answered,
        small=small,
        strong=strong,
        group=np.array([number_of[name] for name in names], dtype=np.int64),
        split=np.array([split_of(name) for name in names]),
        task=np.array([row["task"] or "other" for row in rows]),
        input_tokens=np.array([row["answered_input_tokens"] or 0 for row in rows], dtype=np.int64),
        output_tokens=np.array(
            [row["answered_output_tokens"] or UNKNOWN_OUTPUT_TOKENS for row in rows], dtype=np.int64
        ),
        started_at=np.array([row["started_at"] for row in rows], dtype=np.float64),
        small_price=_small_price(rows),
    )


def _small_price(rows: list[dict[str, Any]]) -> float:
    """Price of a small call over a strong one: each route's cost over the baseline's for the same tokens, compared."""
    spent: dict[str, list[float]] = {"small": [0.0, 0.0], "strong": [0.0, 0.0]}
    for row in rows:
        if row["route"] in spent and not row["unpriced"] and row["cost_usd"] is not None and row["baseline_cost_usd"]:
            spent[row["route"]][0] += row["cost_usd"]
            spent[row["route"]][1] += row["baseline_cost_usd"]
    (small, beside), (strong, other) = spent["small"], spent["strong"]
    if not (beside and other and strong):
        return SMALL_PRICE_SHARE
    return min((small / beside) / (strong / other), _DEAREST_SMALL)


def _quality(row: Mapping[str, Any]) -> tuple[float, float]:
    side = _side(row) or ""
    small, strong = _QUALITY[side, row["verdict"]]
    if row["score"] is None:
        return small, strong
    return (float(row["score"]), strong) if side == "small" else (small, float(row["score"]))


def _observed(quality: Floats, answered: Bools, asked: list[tuple[str, bytes]]) -> Floats:
    """A tier's quality on every request: where it answered the same prompt in the same light, what it made of it."""
    seen: dict[tuple[str, bytes], list[float]] = {}
    for prompt, score in zip(compress(asked, answered), quality[answered], strict=True):
        seen.setdefault(prompt, []).append(float(score))
    return np.array([
        score if is_its_own or prompt not in seen else np.mean(seen[prompt])
        for prompt, score, is_its_own in zip(asked, quality, answered, strict=True)
    ])  # fmt: skip


def split_of(name: str) -> str:
    """The split of all requests whose prompts share this hash."""
    lot = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % 100
    return next(split for split, end in _SPLITS if lot < end)
