"""CPU microseconds of an assessment beside LiteLLM's rules on the same prompts, and what loading the artifact costs.

    python -m tests.bench.classifier [--rounds 30] [--json FILE]

Each prompt is everyday prompts of one language one after another, cut where it is long enough; languages are as frequent
as among the everyday prompts. The two take turns, round by round. CPU time leaves out what else the machine does, but for
the caches that it empties.
"""

import argparse
import importlib
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from classifier import Classifier
from classifier.text import read
from router.core.prompt import text_tokens
from tests.bench.latency import percentile
from tests.bench.processes import ROOT
from tests.bench.tables import noise, print_table
from training.everyday_data import load_everyday

N_PROMPTS = 100
# Tokens of a prompt, and the goals for the median and the 99th percentile in microseconds.
LENGTHS = {200: (150.0, 600.0), 4_000: (500.0, float("inf"))}
LEAST_TIMES_FASTER = 10.0
LOAD_GOALS = {"ready, s": 0.5, "resident, MB": 60.0}
LOAD = """
import resource, sys, time
import numpy, classifier.classifier
resident = lambda: int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 1e6
before_mb, began_s = resident(), time.perf_counter()
loaded = classifier.classifier.Classifier.load()
print(time.perf_counter() - began_s, resident() - before_mb)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    options = parser.parse_args()
    ours, theirs = Classifier.load().assess, litellm_rules()
    rows, measured = [], {}
    for tokens, (p50_goal, p99_goal) in LENGTHS.items():
        texts = prompts(tokens)
        took = {"ours": list[float](), "LiteLLM": list[float]()}
        for number in range(options.rounds):
            took["ours"] += time_each(ours, texts)
            if number % 10 == 0:  # they take a hundred times as long
                took["LiteLLM"] += time_each(theirs, texts)
        whole = [read(text).request is None for text in texts]
        parts = {
            "ours, read once": [
                s for s, is_whole in zip(took["ours"], whole * options.rounds, strict=True) if is_whole
            ],
            "ours, request read again": [
                s for s, is_whole in zip(took["ours"], whole * options.rounds, strict=True) if not is_whole
            ],
        }
        took |= {name: values for name, values in parts.items() if values}
        p50 = {name: percentile(values, 0.5) * 1e6 for name, values in took.items()}
        p99 = {name: percentile(values, 0.99) * 1e6 for name, values in took.items()}
        faster = p50["LiteLLM"] / p50["ours"]
        goals = (p50["ours"] <= p50_goal, p99["ours"] <= p99_goal, faster >= LEAST_TIMES_FASTER)
        for name in took:
            rows.append(
                {
                    "tokens": f"{tokens:,}",
                    "": name,
                    "p50 µs": f"{p50[name]:.0f}",
                    "p99 µs": f"{p99[name]:.0f}",
                    "goals": f"p50 ≤ {p50_goal:g}, p99 ≤ {p99_goal:g}, ≥ {LEAST_TIMES_FASTER:g}×"
                    if name == "ours"
                    else "",
                    "times faster": f"{faster:.0f}" if name == "ours" else "",
                    "reached": ("yes" if all(goals) else "NO") if name == "ours" else "",
                }
            )
        measured[tokens] = {"p50_us": p50, "p99_us": p99, "times_faster": faster}
    print_table(rows)
    loads = dict(zip(LOAD_GOALS, zip(*(time_load() for _ in range(5)), strict=True), strict=True))
    print_table(
        [
            {
                "loading": name,
                "median": f"{statistics.median(values):.2f}",
                "goal": f"≤ {LOAD_GOALS[name]:g}",
                "reached": "yes" if statistics.median(values) <= LOAD_GOALS[name] else "NO",
            }
            for name, values in loads.items()
        ]
    )
    print(noise())
    if options.json:
        options.json.write_text(json.dumps({"assess": measured, "load": loads, "noise": noise()}, indent=2) + "\n")


def prompts(tokens: int) -> list[str]:
    """Prompts of about so many tokens, all different."""
    everyday = load_everyday()
    dice = random.Random(1)

    def prompt() -> str:
        language = dice.choice(everyday).language
        same = [other.text for other in everyday if other.language == language]
        parts = [dice.choice(same)]
        while text_tokens("\n".join(parts)) < tokens:
            parts.append(dice.choice(same))
        text = "\n".join(parts)
        return text[: len(text) * tokens // text_tokens(text)]

    return [prompt() for _ in range(N_PROMPTS)]


def litellm_rules() -> Callable[[str], object]:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else the import looks for the network
    module = importlib.import_module("litellm.router_strategy.complexity_router.complexity_router")
    router = module.ComplexityRouter(model_name="bench", litellm_router_instance=None, complexity_router_config={})
    return router.classify


def time_each(judge: Callable[[str], object], texts: list[str]) -> list[float]:
    took = []
    for text in texts:
        began_s = time.thread_time()
        judge(text)
        took.append(time.thread_time() - began_s)
    return took


def time_load() -> tuple[float, float]:
    """Seconds and megabytes that loading the artifact takes in a fresh process."""
    out = subprocess.run([sys.executable, "-c", LOAD], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    seconds, resident_mb = map(float, out.stdout.split())
    return seconds, resident_mb


if __name__ == "__main__":
    main()
