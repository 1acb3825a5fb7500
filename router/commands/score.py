"""``fusion-router score``: JSON lines in, JSON lines out, in order, as they come."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from router.commands.settings import read_settings_or_demo
from router.consider import Consideration, consider
from router.core.whole_json import dumps, loads, loads_exactly, may_be_rounded
from router.errors import GatewayError
from router.http.openai import read_chat
from router.pipeline import Services


def run(options: argparse.Namespace) -> int:
    """Score standard input; exit 1 if any line was bad."""
    settings = read_settings_or_demo(options.config)
    if settings is None:
        return 1
    from router.app import build_services

    services, _ = build_services(settings)
    bad = 0
    for scored in score_lines(services, sys.stdin.buffer):
        bad += "error" in scored
        sys.stdout.buffer.write(dumps(scored) + b"\n")
        sys.stdout.buffer.flush()
    return 1 if bad else 0


def score_lines(services: Services, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Score each line that is not blank; a bad one gives its id and an error."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _score_line(services, line, number)


def _score_line(services: Services, line: bytes, number: int) -> dict[str, Any]:
    found: str | float | None = None
    try:
        row = _read(line, number)
        found = _id(row, number)
        return {"id": found, **_scores(consider(services, read_chat(dumps(_body(row, number)))))}
    except GatewayError as error:
        return {"id": found, "error": error.message}
    except RecursionError:
        return {"id": found, "error": f"line {number} is nested too deep"}
    except ValueError as error:
        return {"id": found, "error": str(error)}


def _read(line: bytes, number: int) -> dict[str, Any]:
    try:
        row = loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"line {number} is not JSON: {error.msg}") from None
    if not isinstance(row, dict):
        raise ValueError(f"line {number} is not a JSON object")
    return loads_exactly(line) if may_be_rounded(line) else row


def _body(row: dict[str, Any], number: int) -> dict[str, Any]:
    extra: dict[str, Any] = {
        key: row[key] for key in ("tools", "response_format", "router", "max_tokens") if key in row
    }
    if "messages" in row:
        return {"model": row.get("model", "auto"), "messages": row["messages"], **extra}
    if isinstance(row.get("prompt"), str):
        return {"model": row.get("model", "auto"), "messages": [{"role": "user", "content": row["prompt"]}], **extra}
    raise ValueError(f"line {number} needs a `prompt` (a string) or `messages` (a list)")


def _id(row: dict[str, Any], number: int) -> str | float | None:
    found: object = row.get("id")
    if found is None or isinstance(found, str | int | float):
        return found
    raise ValueError(f"line {number} has an `id` that is neither a string nor a number")


def _scores(considered: Consideration) -> dict[str, Any]:
    decision, assessment = considered.decision, considered.decision.assessment
    return {
        "complexity": assessment.complexity if assessment else None,
        "gain": assessment.gain if assessment else None,
        "route": decision.route,
        "reason": decision.reason,
        "task": assessment.task if assessment else None,
        "novelty": assessment.novelty if assessment else None,
        "closed_answer": assessment.closed_answer if assessment else None,
        "expected_output_tokens": assessment.expected_output_tokens if assessment else None,
        "mode": decision.mode,
        "model": decision.plan[0].deployment,
        "classifier": assessment.artifact if assessment else None,
    }
