"""Putting an artifact where a gateway reads it, and taking it back. A running gateway notices by itself.

The artifact that was there moves to ``<target>.history/``, numbered; ``rollback`` takes the newest of them back. Every
move is a rename on one file system, so that a gateway finds a whole artifact or, for an instant, none, and then keeps
what it has.
"""

import shutil
from pathlib import Path

from classifier import artifact
from training.data import DataError


def history_of(target: Path) -> Path:
    """Where the artifacts that were replaced at ``target`` lie."""
    return target.with_name(target.name + ".history")


def promote(candidate: Path, target: Path) -> str:
    """Put a copy of the artifact at ``candidate`` to ``target``; gives back what is in use now.

    Raises:
        ArtifactError: the candidate does not load.
        DataError: there is no room for it, or no right to write there.
    """
    name = artifact.load(candidate)[0].artifact
    staged = _staged(target)
    try:
        shutil.copytree(candidate, staged)
    except OSError as error:
        shutil.rmtree(staged, ignore_errors=True)
        why = error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror
        raise DataError(f"{staged}: cannot be written ({why}); nothing was changed") from error
    _swap(staged, target)
    return name


def is_in_use(candidate: Path, target: Path) -> bool:
    """Whether the artifact at ``target`` is the candidate already, thresholds and all.

    Raises:
        ArtifactError: either has a manifest that cannot be read.
    """
    if not (target / artifact.MANIFEST).is_file():
        return False
    return artifact.read_manifest(candidate) == artifact.read_manifest(target)


def rollback(target: Path) -> tuple[str, str]:
    """Take the artifact back that ``target`` held before; gives back which one went and which one is in use now.

    Raises:
        DataError: nothing was ever replaced there.
        ArtifactError: the earlier one does not load any more.
    """
    earlier = _replaced(target)
    if not earlier:
        raise DataError(f"{history_of(target)}: no earlier artifact is kept there; nothing can be rolled back")
    back = artifact.load(earlier[-1])[0].artifact
    gone = artifact.read_manifest(target).artifact if (target / artifact.MANIFEST).is_file() else "nothing"
    staged = _staged(target)
    earlier[-1].rename(staged)
    shutil.rmtree(history_of(target) / "rolled-back", ignore_errors=True)
    if target.exists():
        target.rename(history_of(target) / "rolled-back")
    staged.rename(target)
    return gone, back


def _swap(staged: Path, target: Path) -> None:
    if target.exists():
        history = history_of(target)
        history.mkdir(exist_ok=True)
        known = artifact.read_manifest(target).artifact.rpartition(":")[2]
        target.rename(history / f"{len(_replaced(target)) + 1:04d}-{known}")
    staged.rename(target)


def _staged(target: Path) -> Path:
    """A free place beside the target; what an interrupted run left there goes."""
    staged = target.with_name(target.name + ".staged")
    shutil.rmtree(staged, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    return staged


def _replaced(target: Path) -> list[Path]:
    return sorted(history_of(target).glob("[0-9][0-9][0-9][0-9]-*"))
