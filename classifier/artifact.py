"""The artifact on disk: a directory of arrays, word lists and a manifest that is written last.

A directory without a manifest is not an artifact; one whose files do not match their hashes is refused.
Arrays are
``.npy`` without pickles, word lists UTF-8 text with one entry a line.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FORMAT = 1
MANIFEST = "manifest.json"
MODEL_CARD = "MODEL_CARD.md"
DEFAULT_PATH = Path(__file__).parent / "artifacts" / "default"

Array = npt.NDArray[Any]


class ArtifactError(ValueError):
    """An artifact that cannot be used; the message says which part does not match and how to mend it."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an artifact says of itself.

    Attributes:
        name: what it is called.
        version: of the model, not of the format.
        files: file name to SHA-256 of its bytes; the model card is left out, for it may be rewritten.
        features: hand features in the order the arrays expect them.
        data: fingerprint of the training data: rows used, rows rejected by reason, hash of the label table.
        metrics: measured numbers by name, each written by the code that measured it.
        seed: of every random choice.
        versions: versions of the libraries that fitted it.
        thresholds: the modes and their certificate, or None before thresholds are chosen.
        models: abilities of the recorded models and of those added later, by name; see :mod:`classifier.abilities`.
        complexity_reference: how complexity is spread over the prompts that thresholds are chosen on, or None before
            `python -m training calibrate`: ``prompts``, their number, and ``at_most``, the share of them whose
            complexity is at most each of ``edges``. Traffic that is spread otherwise has drifted.
        prompt_mix: the same prompts in cells, for a model's mean success over them: each cell's ``share``, ``task``, and
            mean log-odds that the ``small`` and the ``strong`` tier are right; None likewise.
        format: of the directory.
    """

    name: str
    version: str
    files: Mapping[str, str]
    features: tuple[str, ...]
    data: Mapping[str, Any]
    metrics: Mapping[str, Any]
    seed: int
    versions: Mapping[str, str]
    thresholds: Mapping[str, Any] | None = None
    models: Mapping[str, Any] = field(default_factory=dict)
    complexity_reference: Mapping[str, Any] | None = None
    prompt_mix: Mapping[str, Any] | None = None
    format: int = FORMAT

    @property
    def artifact(self) -> str:
        """``name@version:hash12``; thresholds, metrics, models and the reference do not change the hash."""
        listing = json.dumps(dict(sorted(self.files.items())), sort_keys=True)
        return f"{self.name}@{self.version}:{hashlib.sha256(listing.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Contents:
    """An artifact's payload: arrays by name and word lists by name."""

    arrays: Mapping[str, Array]
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def floats(self, name: str, shape: tuple[int | None, ...]) -> npt.NDArray[np.float32]:
        """An array as float32, its shape checked (None: any length).

        Raises:
            ArtifactError: it is missing, has another shape or holds what is no number.
        """
        array = self.arrays.get(name)
        if array is None:
            raise ArtifactError(f"{name}.npy is missing; fit again with this release's training")
        fits = len(shape) == array.ndim and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits:
            raise ArtifactError(
                f"{name}.npy has shape {array.shape}, expected {shape}; fit again with this release's training"
            )
        if np.isnan(array).any():
            raise ArtifactError(f"{name}.npy holds what is no number; fit again")
        return array.astype(np.float32)

    def word_list(self, name: str) -> tuple[str, ...]:
        """A word list.

        Raises:
            ArtifactError: it is missing.
        """
        if name not in self.words:
            raise ArtifactError(f"{name}.txt is missing; fit again with this release's training")
        return self.words[name]


def save(path: Path, contents: Contents, manifest: Manifest, model_card: str) -> Manifest:
    """Write ``contents`` to the directory ``path`` and the manifest last; returns it with the files' hashes.

    Bytes depend on the contents alone: no clock, no host name.
    """
    path.mkdir(parents=True, exist_ok=True)
    (path / MANIFEST).unlink(missing_ok=True)
    for stale in (*path.glob("*.npy"), *path.glob("*.txt")):
        stale.unlink()
    for name, array in contents.arrays.items():
        np.save(path / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
    for name, words in contents.words.items():
        (path / f"{name}.txt").write_text("\n".join(words), encoding="utf-8", newline="\n")
    (path / MODEL_CARD).write_text(model_card, encoding="utf-8", newline="\n")
    written = Manifest(**{**_fields(manifest), "files": _hashes(path)})
    write_manifest(path, written)
    return written


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write the manifest of the artifact at ``path``, whole or not at all."""
    text = json.dumps(_fields(manifest), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    temporary = path / (MANIFEST + ".part")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    temporary.replace(path / MANIFEST)


def load(path: Path) -> tuple[Manifest, Contents]:
    """Read and check the artifact at ``path``.

    Raises:
        ArtifactError: the directory, the manifest, the format or a file does not match.
    """
    manifest = read_manifest(path)
    for name, expected in manifest.files.items():
        _check_file(path / name, expected)
    arrays = {Path(name).stem: _load_array(path / name) for name in manifest.files if name.endswith(".npy")}
    words = {Path(name).stem: _load_words(path / name) for name in manifest.files if name.endswith(".txt")}
    return manifest, Contents(arrays, words)


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of the artifact at ``path`` without its arrays.

    Raises:
        ArtifactError: there is none, it is not JSON, its format is another, or a field is missing or unknown.
    """
    source = path / MANIFEST
    try:
        raw = json.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArtifactError(
            f"{source}: cannot be read ({error.strerror}); an artifact is a directory with a {MANIFEST}: "
            "point to one, or write one with `python -m training fit`"
        ) from error
    except ValueError as error:
        raise ArtifactError(f"{source}: is not JSON ({error}); restore the file or fit again") from error
    return _manifest(raw, source)


def _manifest(raw: object, source: Path) -> Manifest:
    """A checked manifest from parsed JSON."""
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        found = raw.get("format") if isinstance(raw, dict) else type(raw).__name__
        raise ArtifactError(f"{source}: format is {found!r}, this release reads {FORMAT}; fit again with its training")
    try:
        return Manifest(**{**raw, "features": tuple(raw["features"])})
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"{source}: field missing or unknown ({error}); restore the file or fit again") from error


def _check_file(path: Path, expected: str) -> None:
    """Refuse a file whose bytes are not those the manifest was written for."""
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ArtifactError(f"{path}: listed in the manifest but cannot be read; copy the whole directory") from error
    if found != expected:
        raise ArtifactError(
            f"{path}: SHA-256 is {found[:12]}…, the manifest says {expected[:12]}…; the file was changed: "
            "copy the whole directory again or fit again"
        )


def _load_array(path: Path) -> Array:
    """One array, pickles refused."""
    try:
        array: Array = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise ArtifactError(f"{path}: is not a plain array ({error}); fit again") from error
    return array


def _load_words(path: Path) -> tuple[str, ...]:
    """One word list."""
    return tuple(path.read_text(encoding="utf-8").split("\n"))


def _hashes(path: Path) -> dict[str, str]:
    """SHA-256 of each payload file, by name."""
    files = sorted((*path.glob("*.npy"), *path.glob("*.txt")))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _fields(manifest: Manifest) -> dict[str, Any]:
    """The manifest's fields as plain values."""
    return asdict(manifest)
