"""How good the reader of the traffic is where outcomes are recorded: ``python -m training.traffic_check --data DIR``.

``training/traffic/recorded.jsonl`` holds judgements by the same reader of 190 recorded prompts, made before its outcomes were
looked at. They are compared with models of the kind that the question names.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.bootstrap import interval, resamples
from training.data import Bools, Data, Floats, Ints, load
from training.metrics import auroc

RECORDED_PATH = Path(__file__).parent / "traffic" / "recorded.jsonl"
MODELS = {
    "p_small": (
        "claude-3-haiku-20240307",
        "gemma-2-9b-it",
        "glm-4-9b-chat",
        "gpt-3.5-turbo-0125",
        "gpt-3.5-turbo-1106",
        "gpt-4o-mini-2024-07-18",
        "llama-3-8b-instruct",
        "llama-3.1-8b-instruct",
        "mistral-7b-instruct-v0.3",
        "mixtral-8x7b-instruct",
        "mixtral-8x7b-instruct-v0.1",
    ),
    "p_strong": (
        "claude-3-5-sonnet-20240620",
        "claude-3-5-sonnet-20241022",
        "claude-3-opus-20240229",
        "gemini-1.5-pro",
        "gpt-4-0125-preview",
        "gpt-4-1106-preview",
        "gpt-4-turbo-2024-04-09",
        "gpt-4o-2024-05-13",
        "gpt-4o-2024-08-06",
    ),
}
"""Models that stand for each side; a suffix such as ``:fc`` (the same model with its own tool calling) does not matter."""

FEWEST = 10


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one line a side and source: level judged, level measured, AUROC of right answers with its interval."""
    parser = argparse.ArgumentParser(prog="training.traffic_check", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of prompts.parquet and outcomes.parquet")
    data = load(parser.parse_args(arguments).data)
    judged = [json.loads(line) for line in RECORDED_PATH.read_text(encoding="utf-8").splitlines()]
    print("| side | source | prompts | judged | measured | AUROC | 95 % |\n|---|---|---:|---:|---:|---:|---|")
    for side, models in MODELS.items():
        prompt, right = outcomes(data, models)
        said = np.full(len(data.ids), np.nan)
        row_of = {name: row for row, name in enumerate(data.ids)}
        for line in judged:
            if line["prompt_id"] in row_of:
                said[row_of[line["prompt_id"]]] = line[side]
        known = ~np.isnan(said[prompt])
        prompt, right = prompt[known], right[known]
        sources = sorted(set(data.source[prompt]))
        for source in ["all", *sources]:
            mine = np.ones(len(prompt), dtype=np.bool_) if source == "all" else data.source[prompt] == source
            if len(np.unique(prompt[mine])) >= FEWEST:
                print(f"| {side} | {source} | {_line(prompt[mine], said, right[mine])} |")


def outcomes(data: Data, models: Sequence[str]) -> tuple[Ints, Bools]:
    """Prompt and rightness of each sound outcome of ``models``."""
    wanted = [number for number, name in enumerate(data.models) if name.split(":")[0] in models]
    kept = np.isin(data.model_of, wanted) & ~data.suspect
    return data.prompt_of[kept], data.score[kept] > 0.5


def _line(prompt: Ints, said: Floats, right: Bools) -> str:
    rows = np.unique(prompt)
    measured = np.mean([right[prompt == row].mean() for row in rows])
    drawn = interval([auroc(said[prompt[draw]], right[draw]) for draw in resamples(prompt)])
    low_high = "" if drawn is None else f"{drawn[0]:.2f} to {drawn[1]:.2f}"
    return f"{len(rows)} | {said[rows].mean():.2f} | {measured:.2f} | {auroc(said[prompt], right):.2f} | {low_high}"


if __name__ == "__main__":
    main()
