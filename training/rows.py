"""What is fitted on: recorded prompts, everyday ones judged by hand, traffic by rule of thumb."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from training.data import Bools, Data, Floats, Strings
from training.everyday_data import load_everyday
from training.labels import SMALL_TIERS, STRONG_TIERS, Labels, denoised, task_of

RECORDED, EVERYDAY, TRAFFIC = "recorded", "everyday", "traffic"
CLOSED_KINDS = frozenset({"mcq", "mcq_group", "em_mc", "open_exact", "GSM8K", "MATH"})

# Judged probability that a small model's answer to such traffic is good enough: rules of thumb, not
# measurements.
# They tell the general judge what kinds of prompts exist beyond exams; their total weight is small
# (training.fit).
_TRAFFIC_SUCCESS: tuple[tuple[str, float], ...] = (
    ("arena_hard_v0.1", 0.35),
    ("arena_hard_v2.0", 0.3),
    ("aider_history", 0.5),
    ("self_instruct_user", 0.7),
    ("tau_bench", 0.25),
    ("multi_turn", 0.3),
    ("web_search", 0.1),
    ("memory", 0.5),
    ("live_parallel", 0.55),
    ("live_simple", 0.78),
    ("live_multiple", 0.72),
    ("irrelevance", 0.65),
)
_MATHS_SUCCESS_BY_LANGUAGE = {
    "en": 0.8, "es": 0.72, "fr": 0.69, "de": 0.68, "ru": 0.66, "zh": 0.62,
    "ja": 0.55, "th": 0.45, "sw": 0.4, "bn": 0.35, "te": 0.25,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rows:
    """Prompts to fit on; NaN or an empty string where a target is not known.

    Attributes:
        texts: the prompts.
        source: where each comes from; traffic that is of a recorded source's family has that source's name.
        origin: recorded, everyday or traffic.
        success: share of the small tier that is right, denoised, half of it rounded to right or wrong.
        gain: strong minus small, denoised.
        failed: 1 where the small tier's mean score is below 0.5, else 0.
        task, output_tokens, closed: what the side heads learn.
    """

    texts: tuple[str, ...]
    source: Strings
    origin: Strings
    success: Floats
    gain: Floats
    failed: Floats
    task: Strings
    output_tokens: Floats
    closed: Floats

    def __len__(self) -> int:
        """Number of prompts."""
        return len(self.texts)


def recorded_rows(data: Data, labels: Labels) -> Rows:
    """The recorded prompts, in the order of ``data``."""
    small, strong = denoised(data, SMALL_TIERS), denoised(data, STRONG_TIERS)
    known = ~np.isnan(labels.small)
    failed = np.where(known, labels.small < 0.5, np.nan).astype(np.float64)
    return Rows(
        texts=data.texts,
        source=data.source,
        origin=np.full(len(data), RECORDED),
        success=(small + (1 - failed)) / 2,
        gain=strong - small,
        failed=failed,
        task=np.array([task_of(category) for category in data.category]),
        output_tokens=labels.output_tokens,
        closed=np.array([kind in CLOSED_KINDS for kind in data.kind], dtype=np.float64),
    )


def everyday_rows() -> Rows:
    """The training half of the project's own everyday prompts."""
    prompts = [prompt for prompt in load_everyday("train") if prompt.text.strip()]
    return _extra_rows(
        [prompt.text for prompt in prompts],
        ["everyday"] * len(prompts),
        EVERYDAY,
        [1 - prompt.complexity for prompt in prompts],
        [prompt.task for prompt in prompts],
        [prompt.output_tokens for prompt in prompts],
        [prompt.closed_answer for prompt in prompts],
    )


def traffic_rows(path: Path) -> Rows:
    """Unlabelled traffic that a rule of thumb can judge; none where the file does not exist."""
    table = pq.read_table(path).to_pydict() if path.is_file() else {"prompt": []}
    judged = [(row, _traffic_success(table, row)) for row in range(len(table["prompt"]))]
    kept = [(row, success) for row, success in judged if success is not None]
    n = len(kept)
    return _extra_rows(
        [table["prompt"][row] for row, _ in kept],
        ["bfcl" if "bfcl" in table["source"][row] else table["source"][row] for row, _ in kept],
        TRAFFIC,
        [success for _, success in kept],
        [""] * n,
        [np.nan] * n,
        [np.nan] * n,
    )


def _traffic_success(table: dict[str, list[str]], row: int) -> float | None:
    """A rule of thumb's success of the small tier; None where there is no rule."""
    source, label = table["source"][row], table["label"][row]
    if source == "mgsm":
        return _MATHS_SUCCESS_BY_LANGUAGE.get(table["language"][row])
    if source == "ifeval":
        return max(0.3, 0.88 - 0.13 * len(label.split(",")))
    if source == "arena_hard_1k":
        return _rated_success(label)
    return next((success for part, success in _TRAFFIC_SUCCESS if part in source), None)


def _rated_success(label: str) -> float | None:
    """Success from a challenge rating of 1 to 10."""
    try:
        return min(max(1.05 - 0.085 * float(label), 0.2), 0.9)
    except (TypeError, ValueError):
        return None


def _extra_rows(
    texts: Sequence[str],
    source: Sequence[str],
    origin: str,
    success: Sequence[float],
    task: Sequence[str],
    output_tokens: Sequence[float],
    closed: Sequence[float],
) -> Rows:
    """Rows without recorded outcomes."""
    n = len(texts)
    return Rows(
        texts=tuple(texts),
        source=np.array(source, dtype=np.str_),
        origin=np.full(n, origin),
        success=np.array(success, dtype=np.float64),
        gain=np.full(n, np.nan),
        failed=np.full(n, np.nan),
        task=np.array(task, dtype=np.str_),
        output_tokens=np.array(output_tokens, dtype=np.float64),
        closed=np.array(closed, dtype=np.float64),
    )


def join(parts: Sequence[Rows]) -> Rows:
    """Rows one after the other."""
    return Rows(
        texts=tuple(text for part in parts for text in part.texts),
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("source", "origin", "success", "gain", "failed", "task", "output_tokens", "closed")
        },
    )


def take(rows: Rows, use: Bools) -> Rows:
    """The rows where ``use`` is true."""
    return Rows(
        texts=tuple(text for text, keep in zip(rows.texts, use, strict=True) if keep),
        **{
            name: getattr(rows, name)[use]
            for name in ("source", "origin", "success", "gain", "failed", "task", "output_tokens", "closed")
        },
    )
