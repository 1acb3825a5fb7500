"""Tonight's artifact from today's ledger: learn, choose thresholds, and compare on requests that were held back.

No text and no recorded data are needed: the artifact in use keeps what it knows, and is corrected by the verdicts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier import artifact
from classifier.adaptation import PREFIX, Adaptation
from classifier.artifact import ArtifactError, Contents
from classifier.classifier import Classifier
from classifier.model import Model
from training.adapt import LEAST_ROWS, Lessons, adapt, corrected
from training.calibrate import complexity_reference, prompt_mix
from training.compare import compare, gate, table
from training.data import DataError, Ints
from training.judged import Judged, kept_judged, load_judged
from training.metrics import auroc
from training.mode_changes import changes_table, mode_changes
from training.replay import replay
from training.state import plain, read_json, write_json
from training.steps import Run, loaded
from training.thresholds import Target, choose, unmet

LEAST_CALIBRATION = 300
"""Judged groups below which the thresholds in use are kept: no promise could be tested on fewer.

Source: at a loss of 2 % learn-then-test needs 114 failure-free groups, in practice several times that.
"""

_SHUFFLES = 5
"""Controls that are averaged: one alone is mostly noise on a hundred requests."""


@dataclass(frozen=True, slots=True)
class Retraining:
    """One retraining from a ledger.

    Attributes:
        ledger: its URL, as in the config, or its file.
        out: directory of the run.
        base: the artifact in use.
        version: of the new artifact.
        target: what thresholds are chosen for, where there are enough verdicts to choose.
    """

    ledger: str
    out: Path
    base: Path
    version: str
    seed: int = 0
    target: Target = field(default_factory=Target)


def load(chosen: Retraining, in_use: Classifier, say: Callable[[str], None] = print) -> Judged:
    """Read the judged requests, and say what was left out and why."""
    judged, rejected = load_judged(chosen.ledger, in_use, chosen.out)
    lines = "".join(f"\n  left out, {reason}: {count:,}" for reason, count in sorted(rejected.items()))
    sizes = ", ".join(f"{name} {int((judged.split == name).sum()):,}" for name in ("train", "calibration", "test"))
    one_sided = int((~judged.both_known).sum())
    if one_sided:
        lines += f"\n  which say nothing of the other route's answer, and only teach: {one_sided:,}"
    lines += f"\n  a small call costs {judged.small_price:.3f} of a strong one"
    say(f"load: {len(judged):,} judged requests ({sizes}){lines}")
    return judged


def retrain(chosen: Retraining, say: Callable[[str], None] = print) -> bool:
    """Write ``out/artifact`` and ``out/comparison.json``; True where it may take the place of the artifact in use.

    Raises:
        DataError: the ledger cannot be read or teaches too little.
        ArtifactError: the artifact in use cannot be loaded.
    """
    in_use = Classifier.load(chosen.base)
    judged = load(chosen, in_use, say)
    manifest, contents = artifact.load(chosen.base)
    lessons = lessons_of(judged, Model(contents), "train")
    learned, facts = adapt(lessons, chosen.seed)
    for side, found in facts.items():
        say(f"adapt: {side}: {_in_words(found)}")
    target = _save(chosen, manifest, contents, learned, judged)
    judge = Classifier.load(target)
    say(f"thresholds: {_choose(chosen, judged, judge, target)}")
    judge = Classifier.load(target)  # with the thresholds that were chosen
    found = _compared(judged, in_use, judge, Model(contents), chosen.seed)
    write_json(chosen.out / "comparison.json", plain({**found, "adaptation": facts, "artifact": judge.artifact}))
    say(f"{table(found)}\n{changes_table(found['modes'])}")
    return bool(found["promote"])


def held_back_comparison(out: Path, current: Path, candidate: Path, seed: int = 0) -> dict[str, Any]:
    """A run's artifact beside the one in use, on the rows that the run held back: of its ledger, or of its tables.

    Raises:
        DataError: there is no run at ``out``, or its artifact would forget a model that was added since.
        ArtifactError: an artifact cannot be loaded, or the two read different features.
    """
    old, new = Classifier.load(current), Classifier.load(candidate)
    judged = kept_judged(out)
    if judged is None:
        data = loaded(Run(data=None, out=out))
        before, after = replay(data, "test", old), replay(data, "test", new)
        found = compare(before, after, seed=seed, control=_placebo(out))
        return {**found, "modes": mode_changes(before, old.manifest.thresholds, after, new.manifest.thresholds)}
    if old.features_id != new.features_id:
        raise ArtifactError(f"{current} reads other features than {candidate}; run again with --artifact {current}")
    forgotten = sorted(old.manifest.models.keys() - new.manifest.models.keys())
    if forgotten:  # add-model came between the run and this
        raise DataError(
            f"{current} knows models that {candidate} would forget ({', '.join(forgotten[:3])}); "
            f"run again with --artifact {current}"
        )
    return _compared(judged, old, new, Model(artifact.load(candidate)[1]), seed)


def _compared(judged: Judged, old: Classifier, new: Classifier, model: Model, seed: int) -> dict[str, Any]:
    before, after = judged.rows("test", old), judged.rows("test", new)
    if not len(before):
        raise DataError(
            "nothing is known of both routes' answers to any prompt that is held back, so that nothing can be compared. "
            "Say of some answers whether the other route's model was needed (good_fit, underpowered, overprovisioned, failed), "
            "or ask some prompts again with model: small, or strong, and judge both answers"
        )
    control = shuffled_control(judged, model, seed)
    found = compare(before, after, seed=seed, control=control, further=(_more_than_the_route(judged),))
    return {**found, "modes": mode_changes(before, old.manifest.thresholds, after, new.manifest.thresholds)}


def _more_than_the_route(judged: Judged) -> dict[str, Any]:
    """The gate that verdicts are not the routing in other words: small was ever as good where strong was asked, and was.

    ``good_fit`` on an answer of strong says that small would have failed. Said of every good answer, it says what the route
    said already: the artifact in use is right throughout, and what is learned from it sends more and more to strong.
    """
    good = (judged.answered == "strong") & (judged.strong >= 0.5) & judged.both_known
    n_good, n_spared = int(good.sum()), int((judged.small[good] >= 0.5).sum())
    name = f"of strong's good answers, small would have done for some ({n_good} were judged so)"
    return gate(name, n_spared, n_spared > 0 or n_good < LEAST_ROWS)


def _placebo(out: Path) -> float:
    """AUROC above chance of the fit on shuffled labels that ``evaluate`` made."""
    if not (out / "evaluation.json").is_file():
        raise DataError(
            f"{out / 'evaluation.json'}: not there yet; run `python -m training evaluate --out {out}` first"
        )
    reached: float = read_json(out / "evaluation.json")["placebos"]["shuffled labels"]["auroc"]
    return abs(reached - 0.5)


def next_version(version: str) -> str:
    """The version after one such as ``1.0.0`` or ``1.0.0+ledger.3``."""
    plain_version, _, count = version.partition("+ledger.")
    return f"{plain_version}+ledger.{int(count) + 1 if count.isdigit() else 1}"


def lessons_of(judged: Judged, model: Model, split: str) -> Lessons:
    """The requests of a split as the model alone, without any earlier correction, judges them."""
    rows = np.flatnonzero(judged.split == split)
    scores = [model.scores_of(judged.features[row]) for row in rows]
    return Lessons(
        features=judged.features[rows].astype(np.float64),
        complexity=np.array([score.complexity for score in scores]),
        gain=np.array([score.gain for score in scores]),
        small=judged.small[rows],
        strong=judged.strong[rows],
        group=judged.group[rows],
    )


def shuffled_control(judged: Judged, model: Model, seed: int) -> float:
    """AUROC above chance, or above the model's own, that corrections taught shuffled verdicts reach on held-back requests."""
    taught, held_back = lessons_of(judged, model, "train"), lessons_of(judged, model, "test")
    held_back = held_back.take(np.flatnonzero(~np.isnan(held_back.small)))
    fails, found = held_back.small < 0.5, []
    for number in range(_SHUFFLES):
        order: Ints = np.random.default_rng((seed, number)).permutation(len(taught))
        noise, _ = adapt(replace(taught, small=taught.small[order], strong=taught.strong[order]), seed)
        found.append(auroc(corrected(noise, held_back)[0], fails))
    return float(np.mean(found)) - max(0.5, auroc(held_back.complexity, fails))


def _save(chosen: Retraining, base: artifact.Manifest, contents: Contents, learned: Adaptation, judged: Judged) -> Path:
    kept = {name: array for name, array in contents.arrays.items() if not name.startswith(PREFIX)}
    target = chosen.out / "artifact"
    taught = {"base": base.artifact, "requests": len(judged), "window": judged.window(), "data": judged.fingerprint()}
    manifest = replace(base, version=chosen.version, data={**base.data, "ledger": taught}, seed=chosen.seed, metrics={})
    card = (chosen.base / artifact.MODEL_CARD).read_text(encoding="utf-8")
    note = (
        f"\n\n## Adapted to a gateway's own traffic\n\nVersion {chosen.version} corrects {base.artifact} by the verdicts on "
        f"{len(judged):,} requests, {judged.window()['from']} to {judged.window()['to']}. What stands above was measured "
        "before the correction.\n"
    )
    artifact.save(target, Contents({**kept, **learned.arrays()}, contents.words), manifest, card.rstrip() + note)
    return target


def _choose(chosen: Retraining, judged: Judged, judge: Classifier, target: Path) -> str:
    """New thresholds with a certificate, or, for want of verdicts, those in use."""
    rows = judged.rows("calibration", judge)
    groups = len(np.unique(rows.group))
    if groups < LEAST_CALIBRATION:
        return (
            f"kept as they are; {groups} judged prompts are held for them, {LEAST_CALIBRATION} are needed: "
            f"some {4 * LEAST_CALIBRATION:,} of which both routes' answers are known"
        )
    found: dict[str, Any] = plain(
        choose(rows, chosen.target, judge.artifact, judged.fingerprint(), judged.window(), chosen.seed)
    )
    spread, mix = complexity_reference(rows.complexity), prompt_mix(rows)
    before = artifact.read_manifest(target)
    artifact.write_manifest(target, replace(before, thresholds=found, complexity_reference=spread, prompt_mix=mix))
    missed = unmet(found)
    return f"chosen on {groups} judged prompts" + (
        f"; none keeps the promise in mode {', '.join(missed)}, which sends everything to strong" if missed else ""
    )


def _in_words(found: dict[str, Any]) -> str:
    if found["penalty"] is None:
        return f"{found['rows']} verdicts are too few for more than a level, near the other tier's; bias {found['bias']:+.2f}"
    return (
        f"{found['rows']} verdicts, log loss {found['log_loss_before']:.4f} before, {found['log_loss']:.4f} after "
        f"(cross-validated); slope {found['slope']:.2f}, bias {found['bias']:+.2f}"
    )
