"""One look at the test split: every number of the evaluation, part by part, and the line that says that it was made."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.classifier import Classifier
from router.core.policy import Thresholds
from training.data import Data
from training.evaluate import evaluate
from training.everyday_check import everyday_check, instructed_check
from training.labels import label
from training.placebo import placebos
from training.prepared import prepare
from training.probes import new_models
from training.recorded_models import judge_recorded
from training.replay import replay
from training.robustness import robustness
from training.transfer import Refits, adapting, as_metrics, left_out


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at.

    Attributes:
        thresholds: of the artifact, by mode.
        everyday, traffic: what refits learn from beside the recorded prompts.
        progress: a progress bar by its title.
    """

    data: Data
    judge: Classifier
    thresholds: Mapping[str, Thresholds]
    seed: int
    everyday: bool
    traffic: Path | None
    progress: Callable[[str], Callable[[Any], Iterable[Any]]]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Where results of refits without a source are kept, and what they depend on."""

    keep: Path
    inputs: str


def look(subject: Subject, transfer: Transfer | None) -> dict[str, Any]:
    """The whole evaluation; ``transfer`` None leaves the refits without a source out."""
    data, judge, seed = subject.data, subject.judge, subject.seed
    labels = label(data)
    prepared = prepare(data, labels, traffic=subject.traffic, everyday=subject.everyday, seed=seed)
    outside: dict[str, Any] = {}
    if transfer is not None:  # before the test split is looked at: an interrupted run has not seen it
        refits = Refits(data, labels, prepared, seed, transfer.keep, transfer.inputs)
        outside["leave_one_source_out"] = left_out(refits, subject.progress("sources left out"))
        outside["adapting"] = adapting(refits)
    rows, known = (replay(data, split, judge, labels) for split in ("test", "calibration"))
    parts: Mapping[str, Callable[[], Any]] = {
        "rankings, modes and slices": lambda: evaluate(data, labels, rows, subject.thresholds, seed),
        "robustness": lambda: robustness(rows.texts, judge, subject.thresholds["balanced"], seed),
        "everyday": lambda: everyday_check(judge, subject.thresholds),
        "instructed": lambda: instructed_check(judge, subject.thresholds),
        "recorded_models": lambda: judge_recorded(data, known, judge.manifest.models, seed),
        "new_models": lambda: new_models(data, known, rows, seed),
        "placebos": lambda: {
            name: as_metrics(numbers)
            for name, numbers in placebos(
                data, labels, prepared, data.split == "train", data.split == "test", seed=seed
            ).items()
        },
    }
    found = {name: parts[name]() for name in subject.progress("evaluate")(parts)}
    return {
        **found.pop("rankings, modes and slices"),
        **found,
        **outside,
        "artifact": judge.artifact,
        "data": data.fingerprint(),
        "rejected": dict(data.rejected),
    }


def note_look(path: Path, name: str, fingerprint: str, found: Mapping[str, Any]) -> None:
    """Add a line for this look at the test split: what was judged, and what came out."""
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    ours = found["rankings"]["classifier"]
    line = {
        "look": before.count("\n") + 1,
        "artifact": name,
        "data": fingerprint[:12],
        **{key: round(ours[key], 4) for key in ("auroc", "ece", "apgr", "cost_at_99", "cost_at_95")},
    }
    path.write_text(before + json.dumps(line) + "\n", encoding="utf-8", newline="\n")
