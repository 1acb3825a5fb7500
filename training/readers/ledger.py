"""The gateway's ledger export: one row an answer, with what somebody or something thought of it.

| column | meaning |
|---|---|
| ``prompt_hash`` | rows of one prompt share it, which was asked of more than one model; where there is none, ``request_id`` |
| ``prompt`` | text of the newest human turn (or ``messages``); kept only where the operator chose so |
| ``features`` | in its place where texts are not kept; counted, but nothing can be learned from it here |
| ``model`` | that answered |
| ``route`` | ``small`` or ``strong``: the side the model counts for, unless ``--models`` says otherwise |
| ``score`` | quality of the answer in [0, 1]; or ``verdict``: the gateway's own (good_fit, underpowered, overprovisioned, failed), or good, bad, accepted, rejected, thumbs_up, thumbs_down, ... |
| ``outcome`` | ``ok``, or the row is left out: an answer that never came says nothing of the prompt |
| ``complexity``, ``gain`` | what was thought of the prompt then; not used for learning |
| ``started_at`` | Unix seconds or ISO time, for the window of the certificate |
| ``answered_output_tokens`` | of the answer; where it is missing, ``output_tokens``, which counts retries too |
| ``task``, ``language`` | where known |
"""

from typing import Any

from training.readers.rows import Answers, day_of, share_of, text_of

_VERDICTS = {
    **dict.fromkeys(("good_fit", "overprovisioned"), 1.0),
    **dict.fromkeys(("underpowered", "failed"), 0.0),
    **dict.fromkeys(("good", "accepted", "correct", "pass", "thumbs_up", "up", "yes"), 1.0),
    **dict.fromkeys(("bad", "rejected", "wrong", "fail", "thumbs_down", "down", "no", "escalated", "regenerated"), 0.0),
}
_SIDES = ("small", "strong")


def read_ledger(rows: list[dict[str, Any]]) -> Answers:
    """Judged answers of an export."""
    answers = Answers()
    for row in rows:
        fault = _fault(row)
        if fault:
            answers.rejected[f"ledger: {fault}"] += 1
            continue
        name, model = str(row.get("prompt_hash") or row["request_id"]), str(row["model"])
        answers.prompts.setdefault(name, _about(row))
        answers.seen_on(day_of(row.get("started_at")))
        if row.get("route") in _SIDES:
            answers.tiers.setdefault(model, str(row["route"]))
        score = verdict_of(row)
        answers.add(name, model, 0.0 if score is None else score, _tokens(row))
    return answers


def verdict_of(row: dict[str, Any]) -> float | None:
    """Quality of an answer in [0, 1], from ``score`` or from ``verdict``; None where neither says."""
    if row.get("score") not in (None, ""):
        return share_of(row["score"])
    return _VERDICTS.get(str(row.get("verdict") or "").strip().lower())


def _fault(row: dict[str, Any]) -> str:
    """Why a row cannot be used; empty if it can."""
    if not row.get("request_id") or not row.get("model"):
        return "no request_id or no model"
    if row.get("outcome") not in (None, "", "ok"):
        return "outcome is not ok"
    if not text_of(row.get("prompt") or row.get("messages")):
        return "features without text" if row.get("features") else "no prompt"
    return "" if verdict_of(row) is not None else "no score or verdict"


def _about(row: dict[str, Any]) -> dict[str, str]:
    return {
        "prompt": text_of(row.get("prompt") or row.get("messages")),
        "source": str(row.get("source") or "ledger"),
        "category": str(row.get("task") or ""),
        "language": str(row.get("language") or ""),
        "split": str(row.get("split") or ""),
    }


def _tokens(row: dict[str, Any]) -> float | None:
    try:
        return float(
            row["output_tokens"] if row.get("answered_output_tokens") is None else row["answered_output_tokens"]
        )
    except (KeyError, TypeError, ValueError):
        return None
