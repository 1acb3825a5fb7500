"""``fusion-router demo``: real prompts through a real client and a scripted pool, and what it would have saved."""

import argparse
import asyncio
import sys
import tempfile
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import uvicorn

from router.commands.listen import free_port
from router.commands.serve import server_options
from router.commands.settings import DEMO_CONFIG, read_settings
from router.settings import LedgerSettings, Settings

PROMPTS = Path(__file__).parent.parent / "demo" / "prompts.jsonl"
AT_ONCE = 8
START_S = 15.0
COLUMNS = (
    ("prompt", 44),
    ("complexity", 10),
    ("route", 7),
    ("model", 16),
    ("reason", 19),
    ("cost $", 10),
    ("baseline $", 10),
)
STANCE_WIDTH = 50
MARK = "*"
"""Behind the route of a prompt that went elsewhere than its author expected."""


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt's line in the table; ``error`` where it was not answered.

    Attributes:
        expected: the route that its author thinks right.
    """

    title: str
    facts: dict[str, Any]
    expected: str
    error: str = ""

    @property
    def is_unexpected(self) -> bool:
        """It was answered by another route."""
        return not self.error and self.facts["route"] != self.expected


def run(options: argparse.Namespace) -> int:
    """Serve the scripted pool, send the prompts, print the table; then serve on."""
    settings = read_settings(DEMO_CONFIG)
    if settings is None:
        return 1
    server = replace(settings.server, port=_port(settings.server.host, options.port))
    settings = replace(settings, server=server)
    if server.port != options.port:
        print(f"Port {options.port} is taken; using {server.port}.", file=sys.stderr)
    base_url = f"http://{server.host}:{server.port}/v1"
    with tempfile.TemporaryDirectory(prefix="fusion-router-demo-") as directory:
        ledger = Path(directory) / "ledger.db"
        return _show(replace(settings, ledger=LedgerSettings(url=f"sqlite:///{ledger}")), base_url, ledger, options)


def _show(settings: Settings, base_url: str, ledger: Path, options: argparse.Namespace) -> int:
    server = settings.server
    with _running(settings) as thread:
        prompts = [orjson.loads(line) for line in PROMPTS.read_bytes().splitlines() if line.strip()]
        print(
            f'{len(prompts)} prompts to {base_url} with model="auto", through the openai client; the models are scripted.\n'
        )
        rows = asyncio.run(_send_all(prompts, base_url))
        _print_totals(rows, settings.pool[settings.routing.baseline].deployment.model)
        if not options.exit:
            _print_next_steps(server.host, server.port, ledger)
            while thread.is_alive():
                thread.join(0.5)
    return 1 if any(row.error for row in rows) else 0


@contextmanager
def _running(settings: Settings) -> Iterator[threading.Thread]:
    """The gateway in a thread, as ``serve`` would run it."""
    from router.app import create_app

    server = uvicorn.Server(uvicorn.Config(create_app(settings), **server_options(settings)))
    thread = threading.Thread(target=server.run, name="gateway", daemon=True)
    thread.start()
    deadline_s = time.monotonic() + START_S
    while not server.started and thread.is_alive() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    if not server.started:
        raise SystemExit("The gateway did not start; see the messages above.")
    try:
        yield thread
    finally:
        server.should_exit = True
        thread.join(5)


async def _send_all(prompts: Sequence[dict[str, Any]], base_url: str) -> list[Row]:
    """Send all prompts, a few at a time, and print their lines in order as they are answered."""
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    without_proxy = DefaultAsyncHttpxClient(trust_env=False)
    client = AsyncOpenAI(base_url=base_url, api_key="demo", max_retries=0, http_client=without_proxy)
    room = asyncio.Semaphore(AT_ONCE)
    tasks = [asyncio.create_task(_send(client, prompt, room)) for prompt in prompts]
    print("  ".join(name.rjust(width) if "$" in name else name.ljust(width) for name, width in COLUMNS))
    print("  ".join("-" * width for _, width in COLUMNS))
    rows = []
    for task in tasks:
        rows.append(await task)
        print(_line(rows[-1]), flush=True)
    await client.close()
    return rows


async def _send(client: Any, prompt: dict[str, Any], room: asyncio.Semaphore) -> Row:
    from openai import OpenAIError

    title = prompt.get("note") or str(prompt["messages"][-1].get("content"))
    request = {key: prompt[key] for key in ("messages", "tools") if key in prompt}
    async with room:
        try:
            reply = await client.chat.completions.create(model="auto", **request)
        except OpenAIError as error:
            return Row(title, {}, prompt["expect"], str(error))
    return Row(title, reply.model_extra["router"], prompt["expect"])


def _line(row: Row) -> str:
    if row.error:
        return f"{_fit(row.title, COLUMNS[0][1])}  not answered: {row.error[:80]}"
    facts = row.facts
    complexity = "-" if facts["complexity"] is None else f"{facts['complexity']:.3f}"
    route = facts["route"] + MARK * row.is_unexpected
    cells = (row.title, complexity, route, _name(facts["model"]), facts["reason"])
    left = "  ".join(_fit(str(cell), width) for cell, (_, width) in zip(cells, COLUMNS, strict=False))
    line = f"{left}  {facts['cost_usd'] or 0:10.6f}  {facts['baseline_cost_usd'] or 0:10.6f}"
    return "\n".join([line, *_panel_lines(facts)]) if "fusion" in facts else line


def _panel_lines(facts: dict[str, Any]) -> list[str]:
    """Who sat on the panel, how it ended, who disagreed, and what it cost against one call."""
    run, baseline_usd = facts["fusion"], facts["baseline_cost_usd"]
    members = ", ".join(f"{_name(seat['model'])} {seat['status']} {seat['ms']:.0f} ms" for seat in run["panel"])
    times = (
        f"; {(facts['cost_usd'] or 0) / baseline_usd:.1f} × one call to {_name(facts['baseline_model'])}"
        if baseline_usd
        else ""
    )
    lines = [f"  └ panel: {members}; {run['mode']}, {run['status']}{times}"]
    for entry in (run["analysis"] or {}).get("contradictions") or []:
        stances = "; ".join(
            f"{_name(stance['model'])}: {_fit(stance['stance'], STANCE_WIDTH).rstrip()}" for stance in entry["stances"]
        )
        lines.append(f"    they differ on {entry['topic']}: {stances}")
    return lines


def _name(model: str) -> str:
    return model.partition("/")[2].partition("?")[0]


def _print_totals(rows: Sequence[Row], baseline: str) -> None:
    answered = [row.facts for row in rows if not row.error]
    routes = Counter(facts["route"] for facts in answered)
    panels = [facts for facts in answered if facts["route"] == "fusion"]
    answered_alone = [facts for facts in answered if facts["route"] != "fusion"]
    spent, would = _sums(answered_alone)
    share = f"{1 - spent / would:.1%}" if would else "n/a"
    print(f"\n{len(answered)} answered: " + ", ".join(f"{count} by {route}" for route, count in routes.most_common()))
    elsewhere = Counter((row.expected, row.facts["route"]) for row in rows if row.is_unexpected)
    print(
        f"{len(answered) - elsewhere.total()} went where the prompts' author expected, {elsewhere.total()} did not ({MARK}): "
        + (", ".join(f"{count} to {taken} for {expected}" for (expected, taken), count in elsewhere.items()) or "none")
    )
    print(
        f"one model each: spent ${spent:.6f}; {baseline} for all of them would have cost ${would:.6f}; "
        f"saved ${would - spent:.6f} ({share})"
    )
    if panels:
        spent, would = _sums(panels)
        print(
            f"panels: spent ${spent:.6f} on {len(panels)} prompts that go to several models, {spent / would if would else 0:.1f} "
            f"times one call each to {baseline} (${would:.6f})"
        )


def _sums(answered: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """What was spent, and what the baseline would have cost."""
    return sum(facts["cost_usd"] or 0 for facts in answered), sum(facts["baseline_cost_usd"] or 0 for facts in answered)


def _print_next_steps(host: str, port: int, ledger: Path) -> None:
    print(
        f"\nServing on http://{host}:{port}/v1 until Ctrl-C. Try:\n"
        f"  curl -si http://{host}:{port}/v1/chat/completions -H 'content-type: application/json' \\\n"
        '    -d \'{"model": "auto", "messages": [{"role": "user", "content": "hi"}]}\'\n'
        f"  curl -s http://{host}:{port}/metrics | grep ^router_cost\n"
        f"  fusion-router savings --ledger {ledger}",
        flush=True,
    )


def _fit(text: str, width: int) -> str:
    """Cut or pad to a number of terminal columns; East Asian letters take two."""
    text = " ".join(text.split())
    shown, used = "", 0
    for letter in text:
        wide = 0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if used + wide > width:
            return shown[:-1] + "…" if used == width else shown + "…"
        shown, used = shown + letter, used + wide
    return shown + " " * (width - used)


def _port(host: str, wanted: int) -> int:
    """The one wanted, or where it is taken, a free one."""
    try:
        return free_port(host, wanted)
    except OSError:
        return free_port(host, 0)
