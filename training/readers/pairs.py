"""RouteLLM's comparisons: one row a prompt answered by two models.

Columns: ``prompt``, ``model_a``, ``model_b``, and ``winner`` (``model_a``, ``model_b``, ``tie``, ``tie (bothbad)``) or
``winner_model_a``, ``winner_model_b``, ``winner_tie`` as 0 or 1; or RouteLLM's own ``mixtral_score`` of 1 to 5.

A preference says which answer was better, not whether it was right. The winner is taken as right, the loser as wrong,
both as right in a tie and as wrong where both were bad: the small model then "fails" exactly where it lost.
Source: RouteLLM (Ong et al. 2024), whose labels are "the strong model wins" against all else.
"""

from hashlib import sha256
from typing import Any

from training.readers.rows import Answers, day_of, text_of

_SCORES = {"model_a": (1.0, 0.0), "model_b": (0.0, 1.0), "tie": (1.0, 1.0), "tie (bothbad)": (0.0, 0.0)}
_JUDGED_AS_TIE = 4
"""``mixtral_score`` from which the small model's answer is as good. Source: RouteLLM, section 4."""


def read_pairs(rows: list[dict[str, Any]]) -> Answers:
    """Judged answers of comparisons; a model compared twice on one prompt counts by its first row."""
    answers = Answers()
    seen: set[tuple[str, str]] = set()
    for row in rows:
        text, scores = text_of(row.get("prompt")), _scores(row)
        if not text:
            answers.rejected["pairs: no prompt"] += 1
            continue
        if scores is None:
            answers.rejected["pairs: no winner"] += 1
            continue
        name = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        answers.prompts.setdefault(name, _about(row, text))
        answers.seen_on(day_of(row.get("tstamp")))
        for model, score in scores.items():
            if (name, model) in seen:
                answers.rejected["pairs: model repeated on a prompt"] += 1
                continue
            seen.add((name, model))
            answers.add(name, model, score)
        if "mixtral_score" in row:
            answers.tiers.update({"mixtral-8x7b-instruct": "small", "gpt-4": "strong"})
    return answers


def _about(row: dict[str, Any], text: str) -> dict[str, str]:
    return {
        "prompt": text,
        "source": str(row.get("source") or "pairs"),
        "category": str(row.get("category") or "chat"),
        "language": str(row.get("language") or ""),
        "split": str(row.get("split") or ""),
    }


def _scores(row: dict[str, Any]) -> dict[str, float] | None:
    """Score of each of the two models; None where nobody is said to have won."""
    if row.get("mixtral_score") not in (None, ""):
        good = float(row["mixtral_score"]) >= _JUDGED_AS_TIE
        return {"mixtral-8x7b-instruct": float(good), "gpt-4": 1.0}
    found = _SCORES.get(_winner(row))
    first, second = str(row.get("model_a") or ""), str(row.get("model_b") or "")
    if found is None or not first or not second or first == second:
        return None
    return {first: found[0], second: found[1]}


def _winner(row: dict[str, Any]) -> str:
    if row.get("winner"):
        return str(row["winner"]).strip().lower()
    flags = {"model_a": "winner_model_a", "model_b": "winner_model_b", "tie": "winner_tie"}
    return next((name for name, flag in flags.items() if str(row.get(flag)).strip() in ("1", "1.0", "True")), "")
