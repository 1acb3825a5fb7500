"""RouterBench's wide tables: one row a prompt, a column of scores a model, ``<model>|...`` columns beside them.

Source: the layout of ``routerbench_0shot.pkl`` (Hu et al. 2024): sample_id, prompt, eval_name, one column a model,
``<model>|model_response``, ``<model>|total_cost``, oracle_model_to_route_to.
"""

from hashlib import sha256
from typing import Any

from training.readers.rows import Answers, share_of, text_of

_NOT_MODELS = frozenset(
    ("sample_id", "prompt", "eval_name", "oracle_model_to_route_to", "split", "language", "category", "Unnamed: 0", "")
)


def read_wide(rows: list[dict[str, Any]]) -> Answers:
    """Judged answers of a wide table; an empty cell is not an answer, a cell that is no score is rejected."""
    answers = Answers()
    models = models_of(rows)
    for row in rows:
        text = text_of(row.get("prompt"))
        if not text:
            answers.rejected["wide: no prompt"] += 1
            continue
        name = str(row.get("sample_id") or sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16])
        if name in answers.prompts:
            answers.rejected["wide: sample_id repeated"] += 1
            continue
        source = str(row.get("eval_name") or "wide")
        answers.prompts[name] = {
            "prompt": text,
            "source": source.split("-")[0].split(".")[0],
            "subset": source,
            "category": str(row.get("category") or source),
            "language": str(row.get("language") or ""),
            "split": str(row.get("split") or ""),
        }
        _add_cells(answers, name, row, models)
    return answers


def models_of(rows: list[dict[str, Any]]) -> list[str]:
    """Columns that hold scores: those with columns of their own beside them, or else all that are not known otherwise."""
    columns = list(rows[0]) if rows else []
    beside = {column.partition("|")[0] for column in columns if "|" in column}
    if beside:
        return [column for column in columns if column in beside]
    return [column for column in columns if column not in _NOT_MODELS]


def _add_cells(answers: Answers, name: str, row: dict[str, Any], models: list[str]) -> None:
    for model in models:
        cell = row.get(model)
        if cell is None or cell == "" or cell != cell:
            continue
        score = share_of(cell)
        if score is None:
            answers.rejected["wide: score is not a number in [0, 1]"] += 1
            continue
        answers.add(name, model, score)
