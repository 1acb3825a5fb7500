"""The steps of a training run, each on what the one before left in the output directory.

``load`` writes ``tables/``, ``fit`` ``artifact/``, ``calibrate``, ``thresholds`` and ``evaluate`` a JSON each and their
part of the manifest, ``report`` pictures, a page and the model card. A look at the test split leaves a line in ``looks.jsonl``.
"""

import shutil
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from tqdm import tqdm

from classifier import artifact
from classifier.classifier import Classifier
from router.core.policy import Thresholds
from router.core.types import MODES
from training import data as tables
from training.add_model import keep
from training.calibrate import calibration_of, complexity_reference, judged, prompt_mix
from training.card import model_card
from training.data import Data, DataError
from training.evaluate import headline
from training.fit import VERSION, fit
from training.look import Subject, Transfer, look, note_look
from training.readers import TRAFFIC_TABLE, read_any, write_tables
from training.recorded_models import learn_recorded
from training.replay import replay
from training.report import write_report
from training.state import State, code_digest, digest_of, digest_tree, plain, read_json, write_json
from training.thresholds import SAME_PROMPTS, Target, choose, unmet

STEPS = ("load", "fit", "calibrate", "thresholds", "evaluate", "report")
# Steps that write their part of the manifest.
WRITE_MANIFEST = ("calibrate", "thresholds", "evaluate")


@dataclass(frozen=True, slots=True)
class Run:
    """One training run.

    Attributes:
        data: directory or file that ``load`` reads; None where the tables are already in ``out``.
        out: output directory.
        seed: of every random choice.
        format: of ``data``, or ``auto``.
        models: CSV of models and tiers, where ``data`` does not bring one.
        everyday: also learn from the project's everyday prompts.
        target: what thresholds are chosen for.
        transfer: also fit anew without each source, and with parts of it; slow.
        name, version: of the artifact.
        force: run steps whose inputs have not changed, too.
        quiet: no progress bars.
    """

    data: Path | None
    out: Path
    seed: int = 0
    format: str = "auto"
    models: Path | None = None
    everyday: bool = True
    target: Target = field(default_factory=Target)
    transfer: bool = True
    name: str = "default"
    version: str = VERSION
    force: bool = False
    quiet: bool = False

    @property
    def tables(self) -> Path:
        """Where ``load`` leaves the internal tables."""
        return self.out / "tables"

    @property
    def traffic(self) -> Path | None:
        """Prompts of traffic without outcomes, where ``load`` found some."""
        path = self.tables / TRAFFIC_TABLE
        return path if path.is_file() else None

    @property
    def artifact(self) -> Path:
        """Where ``fit`` leaves the artifact."""
        return self.out / "artifact"

    def progress(self, title: str) -> Callable[[Any], Iterable[Any]]:
        """A progress bar over what is gone through."""
        return lambda each: iter(tqdm(each, desc=title, disable=self.quiet, leave=False))


def run(chosen: Run, steps: Iterable[str] = STEPS, say: Callable[[str], None] = print) -> None:
    """Run steps in order; those already done with the same inputs are skipped."""
    chosen.out.mkdir(parents=True, exist_ok=True)
    state = State(chosen.out)
    for step in steps:
        inputs = plain(_INPUTS[step](chosen))
        if not chosen.force and state.is_done(step, inputs):
            say(f"{step}: unchanged, skipped")
            continue
        if not chosen.quiet:
            print(f"{step} …", file=sys.stderr, flush=True)
        if step == "fit":  # it writes the manifest anew, whatever else had been written into it
            state.forget(WRITE_MANIFEST)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # heads stop early; what they are worth is measured
            outputs, message = _ACTIONS[step](chosen)
        state.finish(step, inputs, outputs)
        say(f"{step}: {message}")


def loaded(chosen: Run) -> Data:
    """The internal tables, with the rows that ``load`` rejected.

    Raises:
        DataError: ``load`` has not been run.
    """
    _require(chosen.tables / "rejected.json", "load")
    rejected = read_json(chosen.tables / "rejected.json")
    return replace(tables.load(chosen.tables), rejected=rejected["rows"])


def _load(chosen: Run) -> tuple[list[Path], str]:
    if chosen.data is None:
        raise DataError("load needs --data: a directory with the tables, or a file to convert")
    found = read_any(chosen.data, chosen.format, chosen.models)
    written = write_tables(found, chosen.tables)
    rejected = dict(found.rejected)
    lines = "".join(f"\n  rejected, {reason}: {count:,}" for reason, count in sorted(rejected.items()))
    return written, f"{len(found.data):,} prompts, {len(found.data.score):,} outcomes{lines}"


def _fit(chosen: Run) -> tuple[list[Path], str]:
    data, scratch = loaded(chosen), chosen.out / "artifact.part"
    shutil.rmtree(scratch, ignore_errors=True)
    fit(
        data,
        scratch,
        seed=chosen.seed,
        traffic=chosen.traffic,
        everyday=chosen.everyday,
        name=chosen.name,
        version=chosen.version,
    )
    keep(scratch, learn_recorded(data, Classifier.load(scratch), chosen.progress("recorded models")))
    shutil.rmtree(chosen.artifact, ignore_errors=True)
    scratch.replace(chosen.artifact)
    return _payload(chosen), artifact.read_manifest(chosen.artifact).artifact


def _calibrate(chosen: Run) -> tuple[list[Path], str]:
    _require(chosen.artifact / artifact.MANIFEST, "fit")
    rows = judged(chosen.artifact, loaded(chosen))
    found, spread = calibration_of(rows), complexity_reference(rows.complexity)
    before = artifact.read_manifest(chosen.artifact)
    artifact.write_manifest(chosen.artifact, replace(before, complexity_reference=spread, prompt_mix=prompt_mix(rows)))
    write_json(chosen.out / "calibration.json", plain(found))
    return [chosen.out / "calibration.json"], f"ECE {found['ece']:.4f} on the calibration split"


def _thresholds(chosen: Run) -> tuple[list[Path], str]:
    data, judge = loaded(chosen), _classifier(chosen)
    rows = replay(data, "calibration", judge)
    window = read_json(chosen.tables / "rejected.json")["window"]
    found = plain(choose(rows, chosen.target, judge.artifact, data.fingerprint(), window, chosen.seed, SAME_PROMPTS))
    manifest = replace(artifact.read_manifest(chosen.artifact), thresholds=found)
    artifact.write_manifest(chosen.artifact, manifest)
    write_json(chosen.out / "thresholds.json", found)
    return [chosen.out / "thresholds.json"], _in_words(found)


def _evaluate(chosen: Run) -> tuple[list[Path], str]:
    data, judge = loaded(chosen), _classifier(chosen)
    subject = Subject(
        data, judge, modes_of(judge.manifest), chosen.seed, chosen.everyday, chosen.traffic, chosen.progress
    )
    transfer = Transfer(chosen.out / "left_out", digest_of(_for_transfer(chosen))) if chosen.transfer else None
    found = plain(look(subject, transfer))
    write_json(chosen.out / "evaluation.json", found)
    note_look(chosen.out / "looks.jsonl", judge.artifact, data.fingerprint(), found)
    metrics = plain(headline(found))
    artifact.write_manifest(chosen.artifact, replace(artifact.read_manifest(chosen.artifact), metrics=metrics))
    ours = found["rankings"]["classifier"]
    return [chosen.out / "evaluation.json"], (
        f"AUROC {ours['auroc']:.3f}, ECE {ours['ece']:.3f}, APGR {ours['apgr']:.3f}, "
        f"cost at 99 % {ours['cost_at_99']:.2f}, at 95 % {ours['cost_at_95']:.2f}"
    )


def _report(chosen: Run) -> tuple[list[Path], str]:
    _require(chosen.out / "evaluation.json", "evaluate")
    manifest, evaluation = artifact.read_manifest(chosen.artifact), read_json(chosen.out / "evaluation.json")
    card = chosen.artifact / artifact.MODEL_CARD
    card.write_text(model_card(manifest, evaluation), encoding="utf-8", newline="\n")
    written = write_report(chosen.out, manifest, evaluation)
    return [card, *written], str(chosen.out / "report.html")


def modes_of(manifest: artifact.Manifest) -> dict[str, Thresholds]:
    """The thresholds of a manifest by mode, as the gateway reads them.

    Raises:
        DataError: none have been chosen.
    """
    if not manifest.thresholds:
        raise DataError("the artifact has no thresholds yet; run `python -m training thresholds` first")
    return {mode: Thresholds(**manifest.thresholds[mode]) for mode in MODES}


def _classifier(chosen: Run) -> Classifier:
    _require(chosen.artifact / artifact.MANIFEST, "fit")
    return Classifier.load(chosen.artifact)


def _require(path: Path, step: str) -> None:
    if not path.is_file():
        raise DataError(f"{path}: not there yet; run `python -m training {step}` with the same --out first")


def _payload(chosen: Run) -> list[Path]:
    """The artifact's files that only a fit changes."""
    return [file for file in chosen.artifact.iterdir() if file.suffix in (".npy", ".txt")]


def _in_words(found: Mapping[str, Any]) -> str:
    missed = unmet(dict(found))
    lines = [
        f"\n  {mode}: gain {found[mode]['gain']:+.3f}, complexity {found[mode]['complexity']:.2f}; expected cost "
        f"{found['expected'][mode]['cost_share']:.3f}, quality {found['expected'][mode]['quality_share']:.3f}"
        + (", UNMET: always strong" if mode in missed else "")
        for mode in MODES
    ]
    kind = "certified" if found["certificate"]["certified"] and not missed else "uncertified"
    return kind + "".join(lines)


def _source(chosen: Run) -> dict[str, Any]:
    if chosen.data is None or not chosen.data.exists():
        raise DataError(f"--data {chosen.data}: not found; point it to a directory with prompts.parquet, or to a file")
    files = [chosen.data, *([chosen.models] if chosen.models else [])]
    if chosen.data.is_dir():
        wanted = ("prompts.parquet", "outcomes.parquet", "models.csv", TRAFFIC_TABLE)
        files = [chosen.data / name for name in wanted if (chosen.data / name).is_file()] or [chosen.data]
    return {"files": digest_tree(files), "format": chosen.format, "code": code_digest()}


def _from_tables(chosen: Run) -> dict[str, Any]:
    _require(chosen.tables / "rejected.json", "load")
    return {"tables": digest_tree([chosen.tables]), "seed": chosen.seed, "code": code_digest()}


def _from_artifact(chosen: Run) -> dict[str, Any]:
    _require(chosen.artifact / artifact.MANIFEST, "fit")
    return {**_from_tables(chosen), "artifact": artifact.read_manifest(chosen.artifact).artifact}


def _from_thresholds(chosen: Run) -> dict[str, Any]:
    chosen_before = artifact.read_manifest(chosen.artifact).thresholds if chosen.artifact.is_dir() else None
    return {
        **_from_artifact(chosen),
        "thresholds": chosen_before,
        "transfer": chosen.transfer,
        "everyday": chosen.everyday,
    }


def _from_evaluation(chosen: Run) -> dict[str, Any]:
    _require(chosen.out / "evaluation.json", "evaluate")
    return {**_from_thresholds(chosen), "evaluation": digest_tree([chosen.out / "evaluation.json"])}


def _for_transfer(chosen: Run) -> dict[str, Any]:
    return {**_from_tables(chosen), "everyday": chosen.everyday}


def _for_fit(chosen: Run) -> dict[str, Any]:
    return {**_from_tables(chosen), "everyday": chosen.everyday, "name": chosen.name, "version": chosen.version}


def _for_thresholds(chosen: Run) -> dict[str, Any]:
    target = {key: str(value) for key, value in asdict(chosen.target).items()}
    return {**_from_artifact(chosen), "target": target}


_INPUTS: Mapping[str, Callable[[Run], dict[str, Any]]] = {
    "load": _source,
    "fit": _for_fit,
    "calibrate": _from_artifact,
    "thresholds": _for_thresholds,
    "evaluate": _from_thresholds,
    "report": _from_evaluation,
}
_ACTIONS: Mapping[str, Callable[[Run], tuple[list[Path], str]]] = {
    "load": _load,
    "fit": _fit,
    "calibrate": _calibrate,
    "thresholds": _thresholds,
    "evaluate": _evaluate,
    "report": _report,
}
