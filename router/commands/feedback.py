"""``fusion-router feedback``: many verdicts at once, from a file, into a ledger or through a running gateway."""

import argparse
import asyncio
import csv
import io
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from router.commands.ledger import opened, reporting
from router.core.whole_json import loads
from router.errors import BadRequest

if TYPE_CHECKING:
    from router.record.ledger.feedback import Judgement

KEY_VARIABLE = "FUSION_ROUTER_API_KEY"
"""Holds the key for a gateway that asks for one: an argument would show in the list of processes."""

_AT_ONCE = 16
_CHUNK = 500
_KEPT, _UNKNOWN, _REFUSED = "kept", "no such request", "refused"
_NOT_ITS_OWN = f"{_UNKNOWN}, or another key's: ledger.auditors names the keys that may judge all"


def run(options: argparse.Namespace) -> int:
    """Read the file, give the verdicts, and say what became of them."""
    from router.record.ledger.feedback import read_judgement

    try:
        text = sys.stdin.read() if str(options.file) == "-" else options.file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        print(f"{options.file} cannot be read: {error}", file=sys.stderr)
        return 1
    judgements: dict[str, Judgement] = {}
    wrong = 0
    for number, row in _rows(text, options.file):
        try:
            judgement = read_judgement(row)
        except BadRequest as error:
            print(f"{options.file}:{number}: {error.message}", file=sys.stderr)
            wrong += 1
            continue
        judgements[judgement.request_id] = judgement  # the last one on a request counts
    return reporting(lambda: _give(list(judgements.values()), wrong, options))


def _give(judgements: "Sequence[Judgement]", wrong: int, options: argparse.Namespace) -> int:
    tally: Counter[str] = Counter()

    def note(request_id: str, outcome: str) -> None:
        tally[outcome] += 1
        if outcome != _KEPT:
            print(f"{request_id}: {outcome}", file=sys.stderr)
        if sys.stderr.isatty():
            print(f"\r{tally.total()} of {len(judgements)}", end="\r", file=sys.stderr, flush=True)

    if options.url is not None:
        trouble = asyncio.run(_post_all(judgements, options.url, note))
        if trouble:
            print(f"{options.url}: {trouble}; run the command again to send the rest", file=sys.stderr)
    else:
        _keep_all(judgements, options, note)
    lost = len(judgements) - tally[_KEPT]
    print(
        f"{tally[_KEPT]} verdicts kept"
        + (f", {lost} not" if lost else "")
        + (f", {wrong} lines wrong" if wrong else "")
    )
    return 1 if lost or wrong else 0


def _keep_all(judgements: "Sequence[Judgement]", options: argparse.Namespace, note: Callable[[str, str], None]) -> None:
    from router.record.ledger.feedback import keep_judgements

    with opened(options) as engine:
        for at in range(0, len(judgements), _CHUNK):
            chunk = judgements[at : at + _CHUNK]
            for judgement, kept in zip(chunk, keep_judgements(engine, chunk, "", time.time()), strict=True):
                note(judgement.request_id, _UNKNOWN if kept is None else _KEPT)


async def _post_all(judgements: "Sequence[Judgement]", url: str, note: Callable[[str, str], None]) -> str:
    """Send them; gives back what ended it before its end, since it would happen to every one of them, or nothing."""
    import aiohttp

    key = os.environ.get(KEY_VARIABLE, "").strip()
    headers = {"authorization": f"Bearer {key}"} if key else {}
    endpoint = url.rstrip("/").removesuffix("/v1") + "/v1/feedback"
    waiting = iter(judgements)
    trouble: list[str] = []

    async def work(session: aiohttp.ClientSession) -> None:
        for judgement in waiting:
            if trouble:
                return
            body = {name: value for name, value in asdict(judgement).items() if value is not None}
            try:
                async with session.post(endpoint, data=orjson.dumps(body)) as reply:
                    outcome = _outcome(reply.status, await reply.read())
                if reply.status == 401:
                    trouble.append(f"{outcome} This command takes the key from {KEY_VARIABLE}")
                else:
                    note(judgement.request_id, outcome)
            except aiohttp.ClientConnectorError as error:
                trouble.append(f"cannot be reached ({error.strerror or error})")
            except (aiohttp.ClientError, TimeoutError) as error:
                note(judgement.request_id, f"not sent ({str(error) or type(error).__name__})")

    headers["content-type"] = "application/json"
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=30)) as session:
        await asyncio.gather(*(work(session) for _ in range(_AT_ONCE)))
    return trouble[0] if trouble else ""


def _outcome(status: int, body: bytes) -> str:
    if status == 200:
        return _KEPT
    if status == 404 and b"request_not_found" in body:
        return _NOT_ITS_OWN
    try:
        message = str(orjson.loads(body)["error"]["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        message = ""
    return f"{_REFUSED} with {status}" + (f": {message}" if message else "")


def _rows(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    """Line numbers and what the lines hold; what cannot be read is None, which is no verdict."""
    if path.suffix == ".csv":
        for number, row in enumerate(csv.DictReader(io.StringIO(text)), 2):
            yield number, {name: _number(name, value) for name, value in row.items() if value not in (None, "")}
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield number, loads(line.encode())
            except orjson.JSONDecodeError:
                yield number, None


def _number(name: str | None, value: Any) -> Any:
    """A CSV's score as the number that it is."""
    if name != "score":
        return value
    try:
        return float(value)
    except ValueError:
        return value
