"""What is fitted on: recorded prompts, and prompts that people or a language model have judged."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from training.data import Data, Floats, Strings
from training.everyday_data import load_everyday
from training.families_data import load_families
from training.instructed_data import InstructedPrompt
from training.labels import SMALL_TIERS, STRONG_TIERS, Labels, denoised, task_of

RECORDED, EVERYDAY, FAMILY, TRAFFIC = "recorded", "everyday", "family", "traffic"
JUDGED = (EVERYDAY, FAMILY, TRAFFIC)
CLOSED_KINDS = frozenset({"mcq", "mcq_group", "em_mc", "open_exact", "GSM8K", "MATH"})
TRAFFIC_JUDGEMENTS = Path(__file__).parent / "traffic" / "judgements.jsonl"

HOUSEKEEPING = "housekeeping"
"""Kind of the prompts that ask for a chat's title, tags or next questions."""
EVERYDAY_KINDS = frozenset({HOUSEKEEPING, "everyday"})
"""Kinds that are everyday traffic, from "hi" to a proof, and not a task of their own."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Prompts to fit on; NaN or an empty string where a target is not known.

    Attributes:
        texts: the prompts.
        source: where each comes from, its kind if it was written for this project; traffic that is of a recorded
            source's family has that source's name.
        origin: recorded, everyday, family or traffic.
        success: share of the small tier that is right, denoised, half of it rounded to right or wrong; else as judged.
        gain: strong minus small, denoised; else as judged.
        failed: 1 where the small tier's mean score is below 0.5, else 0; NaN where nothing was recorded.
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
    """The training half of the everyday prompts, of which a strong model's success was not judged, and the kinds like them."""
    own = (
        (p.text, "everyday", 1 - p.complexity, np.nan, p.task, p.output_tokens, p.closed_answer)
        for p in load_everyday("train")
        if p.text.strip()
    )
    more = (
        (p.prompt, "everyday", p.p_small, p.p_strong, p.task, p.tokens, p.closed)
        for p in load_families()
        if p.kind in EVERYDAY_KINDS
    )
    return _judged_rows(EVERYDAY, (*own, *more))


def instructed_rows(prompts: Sequence[InstructedPrompt]) -> Rows:
    """Requests with a system message: everyday traffic, of which the human turn is the text."""
    return _judged_rows(
        EVERYDAY,
        ((p.prompt, "everyday", p.p_small, p.p_strong, p.task, p.tokens, p.closed) for p in prompts),
    )


def family_rows() -> Rows:
    """The project's own prompts by kind of task."""
    return _judged_rows(
        FAMILY,
        (
            (p.prompt, p.kind, p.p_small, p.p_strong, p.task, p.tokens, p.closed)
            for p in load_families()
            if p.kind not in EVERYDAY_KINDS
        ),
    )


def traffic_rows(table: Path, judgements: Path = TRAFFIC_JUDGEMENTS) -> Rows:
    """The traffic of a table of prompts that has been judged; none where the file does not exist."""
    lines = map(json.loads, judgements.read_text(encoding="utf-8").splitlines())
    judged: Mapping[str, Mapping[str, Any]] = {line["prompt_id"]: line for line in lines}
    columns = ["prompt_id", "prompt", "source"]
    found = pq.read_table(table, columns=columns).to_pylist() if table.is_file() else []
    return _judged_rows(
        TRAFFIC,
        (
            (row["prompt"], _family_of(row["source"]), j["p_small"], j["p_strong"], j["task"], j["tokens"], j["closed"])
            for row in found
            if (j := judged.get(row["prompt_id"])) is not None
        ),
    )


def _family_of(source: str) -> str:
    """The recorded source whose family such traffic is of, or else its own source."""
    return "bfcl" if "bfcl" in source else source


def _judged_rows(origin: str, judged: Iterable[tuple[str, str, float, float, str, float, float]]) -> Rows:
    """Rows without recorded outcomes, of text, source, the tiers' success, task, answer length and closedness."""
    columns: Sequence[Sequence[Any]] = list(zip(*judged, strict=True)) or [[]] * 7
    texts, source, small, strong, task, tokens, closed = columns
    success = np.array(small, dtype=np.float64)
    return Rows(
        texts=tuple(texts),
        source=np.array(source, dtype=np.str_),
        origin=np.full(len(texts), origin),
        success=success,
        gain=np.array(strong, dtype=np.float64) - success,
        failed=np.full(len(texts), np.nan),
        task=np.array(task, dtype=np.str_),
        output_tokens=np.array(tokens, dtype=np.float64),
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
