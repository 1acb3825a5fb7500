"""What has been done in an output directory: each step's inputs and outputs by hash, so that a run can resume.

A step is skipped when it was finished with the same inputs and its outputs are still there, byte for byte.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

STATE = "state.json"


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all, whatever interrupts it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, path)


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys: equal values, equal bytes."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """What :func:`write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def plain(value: Any) -> Any:
    """A value that JSON can hold: numpy scalars as Python's, NaN and infinities as None, tuples as lists."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_tree(paths: Iterable[Path]) -> str:
    """SHA-256 over files by name, and over the files of directories."""
    found = hashlib.sha256()
    for path in sorted(paths):
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        for file in files:
            found.update(f"{file.relative_to(path.parent)}\0{digest(file)}\0".encode())
    return found.hexdigest()


def digest_of(inputs: Mapping[str, Any]) -> str:
    """SHA-256 of a step's inputs."""
    return hashlib.sha256(json.dumps(plain(inputs), sort_keys=True).encode()).hexdigest()


def code_digest() -> str:
    """SHA-256 over the source of training and classifier: other code, other results."""
    root = Path(__file__).parent.parent
    return digest_tree([*(root / "training").rglob("*.py"), *(root / "classifier").glob("*.py")])


class State:
    """The steps finished in one output directory."""

    def __init__(self, out: Path) -> None:
        """Read what is there; a damaged state counts as none."""
        self._out = out
        self._path = out / STATE
        try:
            self._steps: dict[str, Any] = read_json(self._path)
        except (OSError, ValueError):
            self._steps = {}

    def is_done(self, step: str, inputs: Mapping[str, Any]) -> bool:
        """True where the step was finished with these inputs and its outputs are unchanged."""
        known = self._steps.get(step)
        if not isinstance(known, dict) or known.get("inputs") != plain(inputs):
            return False
        return all(
            (self._out / name).is_file() and digest(self._out / name) == expected
            for name, expected in known["outputs"].items()
        )

    def forget(self, steps: Iterable[str]) -> None:
        """Note that steps are to be done again, whatever their inputs."""
        self._steps = {step: known for step, known in self._steps.items() if step not in steps}
        write_json(self._path, self._steps)

    def finish(self, step: str, inputs: Mapping[str, Any], outputs: Iterable[Path]) -> None:
        """Note that a step is done."""
        hashes = {str(path.relative_to(self._out)): digest(path) for path in sorted(outputs)}
        self._steps[step] = {"inputs": plain(inputs), "outputs": hashes}
        write_json(self._path, self._steps)
