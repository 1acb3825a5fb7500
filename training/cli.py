"""The command line of the training: ``python -m training run --data DIR --out DIR``, or one step at a time."""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from classifier.artifact import DEFAULT_PATH, ArtifactError, read_manifest
from classifier.classifier import Classifier
from training import compare as comparison
from training import fusion_replay
from training import promote as promotion
from training.add_model import estimate, estimate_from_ledger, keep, read_outcomes
from training.data import DataError
from training.fit import VERSION
from training.judged import is_of_a_ledger
from training.metrics import SMALL_PRICE_SHARE
from training.mode_changes import changes_table, mode_changes
from training.readers import FORMATS
from training.replay import replay
from training.retrain import Retraining, held_back_comparison, load, next_version, retrain
from training.state import plain, read_json, write_json
from training.steps import STEPS, Run, loaded, run
from training.thresholds import LOSS_OF, Target, unmet

OK, FAILED, REFUSED, UNMET = 0, 1, 2, 3
"""Exit codes: done; a gate of ``compare`` failed; unusable input; no threshold meets the target."""

_HELP = {
    "run": "all steps in a row; steps whose inputs have not changed are skipped",
    "load": "read recorded outcomes of any known format into OUT/tables",
    "fit": "fit the classifier and calibrate it into OUT/artifact",
    "calibrate": "measure calibration, and how complexity is spread, on the calibration split",
    "thresholds": "choose the three modes' thresholds on the calibration split",
    "evaluate": "judge the test split; the only step that looks at it",
    "report": "write OUT/report.html, its pictures and the model card",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments, do what they say, and return the exit code."""
    parsed = _parser().parse_args(arguments)
    action: Callable[[argparse.Namespace], int] = parsed.action
    try:
        return action(parsed)
    except (DataError, ArtifactError) as error:
        print(f"error: {error}", file=sys.stderr)
        return REFUSED
    except OSError as error:  # a full disk, a place that is read-only: where inputs cannot be read is told by name
        print(f"error: {error.filename or 'the output'}: {error.strerror or error}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print("interrupted; finished steps are kept, run the same command again to go on", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="From recorded outcomes of language models to the artifact that the gateway serves.",
        epilog="Exit codes: 0 done, 1 a gate of compare failed, 2 unusable input, 3 no threshold meets the target.",
    )
    commands = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    for step in ("run", *STEPS):
        command = commands.add_parser(step, help=_HELP[step], description=_HELP[step])
        _add_run_arguments(command, step)
        command.set_defaults(action=_run)
    _add_compare(
        commands.add_parser("compare", help="two artifacts on the same test rows; exit code 1 unless better or equal")
    )
    _add_promote(commands.add_parser("promote", help="put a candidate where the gateway reads it, if it is not worse"))
    _add_rollback(commands.add_parser("rollback", help="take back the artifact that was in use before"))
    _add_replay(commands.add_parser("fusion-replay", help="show from recorded answers when a panel of three pays"))
    _add_add_model(commands.add_parser("add-model", help="teach an artifact a new model from a few judged answers"))
    return parser


def _add_run_arguments(command: argparse.ArgumentParser, step: str) -> None:
    command.add_argument("--out", type=Path, required=True, help="directory of the run: tables, artifact, reports")
    command.add_argument("--seed", type=int, default=0, help="of every random choice (default 0)")
    command.add_argument("--force", action="store_true", help="run again although nothing changed")
    command.add_argument("--quiet", action="store_true", help="no progress bars")
    if step in ("run", "load", "fit"):
        command.add_argument(
            "--data", type=Path, help="directory with prompts.parquet, outcomes.parquet, models.csv; or a file"
        )
        command.add_argument("--format", choices=FORMATS, default="auto", help="of --data (default: by its columns)")
        command.add_argument("--models", type=Path, help="CSV with the columns model and tier, for other formats")
    if step in ("run", "load"):
        command.add_argument(
            "--ledger",
            help="a gateway's ledger to learn from: its URL, its file, or an export of it; in place of --data",
        )
        command.add_argument(
            "--artifact",
            type=Path,
            default=DEFAULT_PATH,
            help="the artifact in use, with --ledger (default: the shipped one)",
        )
    if step in ("run", "fit", "evaluate", "report"):
        everyday = argparse.BooleanOptionalAction
        command.add_argument(
            "--everyday", action=everyday, default=True, help="also learn from the project's everyday prompts"
        )
        command.add_argument("--name", default="default", help="of the artifact")
        command.add_argument("--version", default=VERSION, help="of the artifact")
    if step in ("run", "evaluate", "report"):
        transfer = argparse.BooleanOptionalAction
        command.add_argument("--transfer", action=transfer, default=True, help="fit anew without each source; slow")
    if step in ("run", "thresholds"):
        _add_target(command)


def _add_target(command: argparse.ArgumentParser) -> None:
    goal = command.add_mutually_exclusive_group()
    goal.add_argument(
        "--max-quality-loss",
        type=float,
        help="share of always-strong's quality that the quality mode may lose (default 0.01); "
        + ", ".join(f"{mode} {times:g} times" for mode, times in LOSS_OF.items() if times != 1)
        + " that",
    )
    goal.add_argument(
        "--target-cost-share",
        type=float,
        help="cost of the balanced mode, always-strong being 1 and small what the ledger says, or 0.06; no guarantee",
    )
    goal.add_argument(
        "--cost-weight", type=float, help="lambda: maximise quality - lambda x cost in balanced mode; no guarantee"
    )
    command.add_argument(
        "--confidence", type=float, default=0.95, help="with which the loss stays below (default 0.95)"
    )
    command.add_argument(
        "--naive", action="store_true", help="best on the calibration split itself; labelled uncertified"
    )
    command.add_argument(
        "--promise",
        choices=("quality", "failures"),
        default="quality",
        help="quality: mean score lost, by betting; failures: prompts that small fails and strong would not, by Clopper-Pearson",
    )
    command.add_argument(
        "--valid-from",
        type=date.fromisoformat,
        help="first day of the certificate, YYYY-MM-DD (default: the last day of the data, where it has dates)",
    )
    command.add_argument("--valid-days", type=int, default=90, help="days until it expires (default 90)")


def _target(parsed: argparse.Namespace) -> Target:
    given = (parsed.max_quality_loss, parsed.target_cost_share, parsed.cost_weight)
    return Target(
        max_quality_loss=0.01 if given == (None, None, None) else given[0],
        cost_share=given[1],
        cost_weight=given[2],
        certified=not parsed.naive,
        confidence=parsed.confidence,
        promise=parsed.promise,
        valid_from=parsed.valid_from,
        valid_days=parsed.valid_days,
    )


def _run(parsed: argparse.Namespace) -> int:
    """One step, or all."""
    given = vars(parsed)
    if given.get("ledger") is not None:
        return _retrain(parsed)
    names = ("data", "format", "models", "everyday", "transfer", "name", "version")
    chosen = Run(
        out=parsed.out,
        seed=parsed.seed,
        force=parsed.force,
        quiet=parsed.quiet,
        target=_target(parsed) if "naive" in given else Target(),
        **{"data": None, **{name: given[name] for name in names if name in given}},
    )
    chosen.target.check_reach(SMALL_PRICE_SHARE)
    run(chosen, _steps_of(parsed.step, chosen))
    if parsed.step in ("run", "thresholds"):
        return _say_unmet(chosen)
    return OK


def _retrain(parsed: argparse.Namespace) -> int:
    """``run --ledger`` and ``load --ledger``."""
    if parsed.data is not None:
        raise DataError("give --data or --ledger, not both: a ledger corrects the artifact in use, data fit a new one")
    base = read_manifest(parsed.artifact)
    version = getattr(parsed, "version", VERSION)
    chosen = Retraining(
        ledger=parsed.ledger,
        out=parsed.out,
        base=parsed.artifact,
        version=next_version(base.version) if version == VERSION else version,
        seed=parsed.seed,
        target=_target(parsed) if "naive" in vars(parsed) else Target(),
    )
    if parsed.step == "load":
        load(chosen, Classifier.load(chosen.base))
        return OK
    return OK if retrain(chosen) else FAILED


def _steps_of(step: str, chosen: Run) -> tuple[str, ...]:
    """The steps a command runs; ``fit --data`` loads first."""
    if step == "run":
        return STEPS
    return ("load", "fit") if step == "fit" and chosen.data is not None else (step,)


def _say_unmet(chosen: Run) -> int:
    """Say which modes no threshold can keep, and what to do."""
    missed = unmet(read_json(chosen.out / "thresholds.json"))
    if not missed:
        return OK
    print(
        f"no threshold meets the target for {', '.join(missed)}: these modes send everything to strong. "
        "Allow more loss (--max-quality-loss), less confidence (--confidence), or collect more calibration rows",
        file=sys.stderr,
    )
    return UNMET


def _add_replay(command: argparse.ArgumentParser) -> None:
    fusion_replay.add_options(command)
    command.set_defaults(action=_replay)


def _replay(parsed: argparse.Namespace) -> int:
    fusion_replay.run(parsed.data, parsed.out, parsed.seed)
    return OK


def _add_compare(command: argparse.ArgumentParser) -> None:
    command.description = "Judge the same test rows with two artifacts; paired intervals and gates for promotion."
    command.add_argument("before", type=Path, help="artifact directory in use")
    command.add_argument("after", type=Path, help="artifact directory of the candidate")
    command.add_argument("--out", type=Path, required=True, help="directory of a run whose held-back rows are judged")
    command.add_argument(
        "--split", choices=("calibration", "test"), default="test", help="rows to judge (default test)"
    )
    command.add_argument("--json", type=Path, help="also write the comparison there")
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(action=_compare)


def _compare(parsed: argparse.Namespace) -> int:
    if is_of_a_ledger(parsed.out):
        if parsed.split != "test":
            raise DataError(f"{parsed.out}: of a ledger's run only the requests that were held back can be compared")
        return _say_comparison(parsed, held_back_comparison(parsed.out, parsed.before, parsed.after, parsed.seed))
    data = loaded(Run(data=None, out=parsed.out))
    judges = [Classifier.load(path) for path in (parsed.before, parsed.after)]
    before, after = (replay(data, parsed.split, judge) for judge in judges)
    found = comparison.compare(before, after, seed=parsed.seed)
    old, new = (judge.manifest.thresholds for judge in judges)
    found["modes"] = mode_changes(before, old, after, new)
    return _say_comparison(parsed, found)


def _say_comparison(parsed: argparse.Namespace, found: dict[str, Any]) -> int:
    if parsed.json:
        write_json(parsed.json, plain(found))
    print(f"{comparison.table(found)}\n{changes_table(found['modes'])}")
    return OK if found["promote"] else FAILED


def _add_promote(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Compare a run's artifact with the one in use on held-back rows, and swap it in if it is not worse."
    )
    command.add_argument("--out", type=Path, required=True, help="directory of the run")
    command.add_argument(
        "--to", type=Path, required=True, help="the directory that classifier.path names in the config"
    )
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(action=_promote)


def _promote(parsed: argparse.Namespace) -> int:
    candidate, current = parsed.out / "artifact", parsed.to if parsed.to.exists() else DEFAULT_PATH
    if promotion.is_in_use(candidate, parsed.to):
        print(f"in use at {parsed.to} already: {Classifier.load(parsed.to).artifact}; nothing changes")
        return OK
    found = held_back_comparison(parsed.out, current, candidate, parsed.seed)
    print(f"{comparison.table(found)}\n{changes_table(found['modes'])}")
    if not found["promote"]:
        print(f"not promoted; {current} stays in use", file=sys.stderr)
        return FAILED
    print(f"in use at {parsed.to}: {promotion.promote(candidate, parsed.to)}")
    return OK


def _add_rollback(command: argparse.ArgumentParser) -> None:
    command.description = "Take back the artifact that was in use before the last promotion."
    command.add_argument(
        "--to", type=Path, required=True, help="the directory that classifier.path names in the config"
    )
    command.set_defaults(action=_rollback)


def _rollback(parsed: argparse.Namespace) -> int:
    gone, back = promotion.rollback(parsed.to)
    print(f"in use at {parsed.to}: {back}, in place of {gone}")
    return OK


def _add_add_model(command: argparse.ArgumentParser) -> None:
    command.description = "Estimate how a new model does, from outcomes on some prompts; 50 to 100 go a long way."
    command.add_argument(
        "outcomes", type=Path, nargs="?", help="CSV, JSONL or parquet with prompt and score, one row an answer"
    )
    command.add_argument(
        "--ledger", help="a gateway's ledger, or an export of it, with verdicts on the model's answers, in their place"
    )
    command.add_argument("--artifact", type=Path, required=True, help="artifact directory to add the model to")
    command.add_argument("--model", required=True, help="name of the model, as deployments name it")
    command.add_argument("--like", choices=("small", "strong"), help="side to start from (default: the nearer one)")
    command.set_defaults(action=_add_model)


def _add_model(parsed: argparse.Namespace) -> int:
    if (parsed.outcomes is None) == (parsed.ledger is None):
        raise DataError("add-model needs either a file of outcomes or --ledger URL")
    if parsed.ledger is not None:
        found = estimate_from_ledger(parsed.model, parsed.ledger, Classifier.load(parsed.artifact), parsed.like)
    else:
        outcomes = read_outcomes(parsed.outcomes, parsed.model)
        found = estimate(parsed.model, outcomes, Classifier.load(parsed.artifact), parsed.like)
    keep(parsed.artifact, [found])
    print(found.in_words())
    return OK
