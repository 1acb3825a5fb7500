"""``python -m training.fresh_check``: the fresh everyday prompts through ``decide()``. A look: log it, and choose nothing by it."""

import argparse
import json
from pathlib import Path

from classifier.artifact import DEFAULT_PATH
from classifier.classifier import Classifier
from router.core.types import MODES
from training.replay import as_prompt, routes
from training.steps import modes_of

PROMPTS = Path(__file__).parent / "everyday" / "fresh.jsonl"


def main() -> None:
    """Print the share of easy and of hard prompts that each mode sends to strong."""
    parser = argparse.ArgumentParser(prog="python -m training.fresh_check", description=__doc__)
    parser.add_argument("--artifact", type=Path, default=DEFAULT_PATH, help="directory (default: the shipped one)")
    judge = Classifier.load(parser.parse_args().artifact)
    rows = [json.loads(line) for line in PROMPTS.read_text(encoding="utf-8").splitlines()]
    prompts = [as_prompt(row["prompt"]) for row in rows]
    judged = [judge.assess(prompt.text) for prompt in prompts]
    print(judge.artifact)
    for mode in MODES:
        strong = routes(prompts, judged, modes_of(judge.manifest)[mode])
        for level in ("easy", "hard"):
            mine = [bool(sent) for sent, row in zip(strong, rows, strict=True) if row["level"] == level]
            print(f"{mode:9} {level}: {sum(mine)} of {len(mine)} sent to strong ({sum(mine) / len(mine):.1%})")


if __name__ == "__main__":
    main()
