"""Recorded answers as matrices: one domain's prompts by its models, for replaying votes."""

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from router.core.closed_answer import read_closed_answer
from router.core.prompt import text_tokens
from training.data import DataError
from training.labels import task_of

MIN_COVERAGE = 0.95
"""A model sits on a domain's panels if it has answered this share of the prompts."""

MIN_PROMPTS = 80
MIN_ACCURACY = 0.3


@dataclass(frozen=True, slots=True)
class Domain:
    """Prompts of one kind and what models answered.

    Attributes:
        answers: prompts × models; equal numbers mean equal answers to that prompt, -1 that none could be parsed.
        correct: prompts × models, 0 or 1.
        cost: prompts × models, USD, from list prices and recorded lengths.
        half: 0 ranks the members, 1 measures; by group.
    """

    name: str
    task: str
    models: tuple[str, ...]
    answers: npt.NDArray[np.int64]
    correct: npt.NDArray[np.float64]
    cost: npt.NDArray[np.float64]
    group: npt.NDArray[np.int64]
    half: npt.NDArray[np.int64]


def read_domains(directory: Path) -> list[Domain]:
    """Read every domain of the training split that keeps answers of at least three models.

    Raises:
        DataError: a file is missing.
    """
    for name in ("prompts.parquet", "outcomes.parquet", "prices.csv"):
        if not (directory / name).is_file():
            raise DataError(f"{directory / name}: not found; give the directory that holds it with --data")
    columns = ["prompt_id", "source", "subset", "prompt", "category", "group", "split"]
    prompts = {
        row["prompt_id"]: row for row in pq.read_table(directory / "prompts.parquet", columns=columns).to_pylist()
    }
    prices = _read_prices(directory / "prices.csv")
    rows: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in pq.read_table(directory / "outcomes.parquet", columns=_OUTCOMES).to_pylist():
        prompt = prompts.get(row["prompt_id"])
        if prompt is None or prompt["split"] != "train" or row["suspect"]:
            continue
        if row["model"] in prices:
            rows[_domain_of(prompt)].append(row)
    domains = [_domain(name, task, part, prompts, prices) for (name, task), part in sorted(rows.items())]
    return [domain for domain in domains if domain is not None]


_OUTCOMES = ["prompt_id", "model", "score", "answer", "output_tokens", "output_chars", "suspect"]


def _domain_of(prompt: dict[str, Any]) -> tuple[str, str]:
    """Name and task; exam subjects of one task are one domain."""
    task = "reasoning" if prompt["source"] == "lineage" else task_of(prompt["category"] or "")
    return f"{prompt['source']} {task if prompt['source'] == 'mmlu_pro' else prompt['subset']}", task


def _domain(
    name: str,
    task: str,
    rows: list[dict[str, Any]],
    prompts: dict[str, dict[str, Any]],
    prices: dict[str, tuple[float, float]],
) -> Domain | None:
    by_cell = {(row["prompt_id"], row["model"]): row for row in rows}
    ids = sorted({row["prompt_id"] for row in rows})
    counts: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        counts[row["model"]].append(row["score"])
    models = [
        model
        for model, scores in sorted(counts.items())
        if len(scores) >= MIN_COVERAGE * len(ids) and np.mean(scores) >= MIN_ACCURACY
    ]
    has_answers = sum(row["answer"] is not None for row in rows) > 0.5 * len(rows)
    if len(models) < 3 or len(ids) < MIN_PROMPTS or not has_answers:
        return None
    shape = (len(ids), len(models))
    answers, correct, cost = np.full(shape, -1, dtype=np.int64), np.zeros(shape), np.zeros(shape)
    for i, prompt_id in enumerate(ids):
        forms: dict[Any, int] = {}
        input_tokens = text_tokens(prompts[prompt_id]["prompt"])
        for j, model in enumerate(models):
            cell = by_cell.get((prompt_id, model))
            if cell is None:
                continue
            correct[i, j] = cell["score"] >= 0.5
            form = read_closed_answer(cell["answer"]) if cell["answer"] else None
            if form is not None:
                answers[i, j] = forms.setdefault(form, len(forms))
            output_tokens = cell["output_tokens"] or (cell["output_chars"] or 0) / 4
            cost[i, j] = (input_tokens * prices[model][0] + output_tokens * prices[model][1]) / 1e6
    group = np.array([prompts[prompt_id]["group"] for prompt_id in ids], dtype=np.int64)
    return Domain(name, task, tuple(models), answers, correct, cost, group, _half(group))


def _half(group: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Half of the groups, the same ones every time."""
    return (np.random.default_rng(0).permutation(int(group.max()) + 1)[group] % 2).astype(np.int64)


def _read_prices(path: Path) -> dict[str, tuple[float, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["model"]: (float(row["input_usd_per_mtok"]), float(row["output_usd_per_mtok"]))
            for row in csv.DictReader(file)
            if row["input_usd_per_mtok"] and row["output_usd_per_mtok"]
        }
