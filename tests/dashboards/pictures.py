"""Draws the README's pictures from a real run: ``python -m tests.dashboards.pictures [MINUTES]``."""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count, cycle
from pathlib import Path
from random import Random
from typing import Any

from dashboards import render
from router.commands.demo import PROMPTS
from tests.dashboards.stage import stage
from tests.dashboards.traffic import SPECIAL, Answers, judge, send

CONFIG = """
pool:
  small:   {{model: "scripted/small"}}
  backup:  {{model: "scripted/flash"}}
  strong:  {{model: "scripted/strong"}}
  spare:   {{model: "scripted/scholar"}}
  sick:    {{model: "scripted/strong?fail=429&retry_after=20"}}
  slow:    {{model: "scripted/scholar?latency_ms=30000"}}
  scholar: {{model: "scripted/scholar"}}
  skeptic: {{model: "scripted/skeptic"}}
  twin:    {{model: "scripted/instant?answer=42"}}
  judge:   {{model: "scripted/judge"}}
  broken:  {{model: "scripted/judge?fail=500"}}
  local:   {{model: "openai/scripted/instant", api_base: "{upstream}", api_key: none}}
routing:
  small: [small, backup]
  strong: [strong, spare]
  baseline: strong
fusion: {{panel: [backup, scholar, skeptic], judge: judge}}
limits: {{cooldown_s: 5}}
classifier: {{path: "{artifact}"}}
ledger: {{url: "sqlite:///{ledger}"}}
server: {{access_log: false, log_level: error}}
"""
"""The tests' pool at the scripted models' own speeds and failure habits."""

BUSY = (12, 20, 30, 24, 36, 18)
"""Requests sent at a time, one number after the other: traffic is never even."""

WINDOW_S = 20


MIX = {"small": 60, "strong": 8, "fusion": 1}
"""How often the demo's prompts of each kind come: everyday traffic is mostly easy."""

SPECIAL_EVERY = 25


DRAWN = 0.7
"""The share of the run that is drawn: its end, when rates have settled."""


def mixed(seed: int) -> Iterator[dict[str, Any]]:
    """The demo's prompts as everyday traffic would bring them, and now and then a special case."""
    dice, special = Random(seed), cycle(SPECIAL)  # nobody's secret
    prompts = [json.loads(line) for line in PROMPTS.read_bytes().splitlines() if line.strip()]
    weights = [MIX[prompt["expect"]] for prompt in prompts]
    for number in count(1):
        (prompt,) = dice.choices(prompts, weights)
        routed = {key: prompt[key] for key in ("messages", "tools") if key in prompt}
        yield {"model": "auto", "stream": number % 2 == 0, **routed} if number % SPECIAL_EVERY else next(special)


def main(minutes: float) -> None:
    """Run, and draw."""
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder), CONFIG, novel_from=1.0) as running:
        prompts, others, began_s = mixed(1), mixed(2), time.time()
        for turn in count():
            if time.time() > began_s + minutes * 60:
                break
            answers = Answers()
            asyncio.run(send(running.gateway, prompts, BUSY[turn % len(BUSY)], answers, pause_s=0.3))
            if turn % 9 == 8:
                asyncio.run(send(running.blind, others, 4, Answers()))
            time.sleep(0.5)  # the ledger knows the answers by then
            asyncio.run(judge(running.gateway, answers))
        time.sleep(3)
        render.main([running.asked.url, "--minutes", str(minutes * DRAWN), "--window", str(WINDOW_S)])


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5)
