"""Command line of the training: ``python -m training fit --data DIR --out DIR``."""

import argparse
from pathlib import Path

from training.data import load
from training.fit import fit


def main() -> None:
    """Parse the arguments and run the step they name."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    step = steps.add_parser("fit", help="fit and calibrate an artifact")
    step.add_argument(
        "--data",
        type=Path,
        required=True,
        help="directory with prompts.parquet, outcomes.parquet, models.csv",
    )
    step.add_argument("--out", type=Path, required=True, help="directory the artifact is written to")
    step.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    traffic = arguments.data / "unlabelled.parquet"
    manifest = fit(load(arguments.data), arguments.out, seed=arguments.seed, traffic=traffic)
    print(manifest.artifact)


if __name__ == "__main__":
    main()
