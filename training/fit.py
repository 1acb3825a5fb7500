"""Rows to a fitted model: what ``python -m training fit`` does."""

import platform
from pathlib import Path

import numpy as np
import sklearn
from threadpoolctl import threadpool_limits

from classifier import artifact
from classifier.artifact import Manifest
from classifier.features import FEATURES
from training.data import Data
from training.judges import calibrate, fit_judges
from training.labels import label
from training.prepared import Prepared, prepare
from training.rows import JUDGED

NAME, VERSION = "default", "1.0.0"


def fit(
    data: Data,
    out: Path,
    *,
    seed: int = 0,
    traffic: Path | None = None,
    everyday: bool = True,
    name: str = NAME,
    version: str = VERSION,
) -> Manifest:
    """Fit on ``train``, calibrate on ``calibration``, write the artifact to the directory ``out``."""
    # On more threads sums are added up in another order, and the bytes differ.
    with threadpool_limits(limits=1):
        prepared = prepare(data, label(data), traffic=traffic, everyday=everyday, seed=seed)
        extra = np.ones(len(prepared.rows) - len(data), dtype=np.bool_)
        judges = fit_judges(prepared, np.concatenate([data.split == "train", extra]), seed=seed)
        contents = calibrate(judges, prepared, np.concatenate([data.split == "calibration", ~extra]))
    manifest = describe(data, prepared, seed, name, version)
    return artifact.save(out, contents, manifest, model_card(manifest))


def describe(data: Data, prepared: Prepared, seed: int, name: str, version: str) -> Manifest:
    """The manifest of a fit, before files are hashed."""
    return Manifest(
        name=name,
        version=version,
        files={},
        features=FEATURES,
        data={
            "fingerprint": data.fingerprint(),
            "prompts": {split: int((data.split == split).sum()) for split in ("train", "calibration", "test")},
            "outcomes": len(data.score),
            "extra_prompts": {kind: int((prepared.rows.origin == kind).sum()) for kind in JUDGED},
            "rejected": dict(data.rejected),
        },
        metrics={},
        seed=seed,
        versions={
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
            "python": platform.python_version(),
        },
    )


def model_card(manifest: Manifest) -> str:
    """The model card that goes with an artifact."""
    prompts = manifest.data["prompts"]
    return f"""# {manifest.name} {manifest.version}

Judges how likely a small language model's answer to a prompt is not good enough, and what a strong model
would gain.

* **Inputs**: the newest human turn of a request; nothing else of it is read but, for very short turns, the
  end of the
  conversation.
* **Fitted on** {prompts["train"]:,} recorded benchmark prompts with {manifest.data["outcomes"]:,} outcomes
  of public models,
  {manifest.data["extra_prompts"]["everyday"]:,} everyday prompts, {manifest.data["extra_prompts"]["family"]:,} prompts of many
  kinds of tasks and {manifest.data["extra_prompts"]["traffic"]:,} prompts of traffic, all of which a language model has judged;
  calibrated on {prompts["calibration"]:,} other recorded prompts.
* **Limits**: recorded outcomes are exam-like, mostly English and Chinese, and older than today's models. On
  sources that
  were not in training the ranking is much weaker than on known ones; `novelty` says when that is so.
  Probabilities are
  calibrated on the recorded mix: calibrate again on your own traffic.
* **Not for** judging people or their work.
* **Seed** {manifest.seed}; data fingerprint `{manifest.data["fingerprint"][:12]}`.
"""
