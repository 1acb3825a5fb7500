"""``fusion-router check``: everything that can be known without calling anybody."""

import contextlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from router.config.load import load_settings
from router.config.source import read_yaml
from router.settings import Complaint, Settings, SettingsError


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What is wrong and what is doubtful; ``settings`` is None where the file could not be used."""

    complaints: tuple[Complaint, ...]
    warnings: tuple[Complaint, ...]
    settings: Settings | None = None

    @property
    def ok(self) -> bool:
        """Whether the gateway would start and route."""
        return not self.complaints


def check(
    path: Path | None,
    env: Mapping[str, str],
    load_artifact: Callable[[Path | None], object],
) -> CheckReport:
    """Validate the config and see whether the classifier's artifact loads.

    Args:
        path: the config file; None checks the environment's pool.
        env: environment variables.
        load_artifact: loads an artifact directory, the packaged one for None; raises where it is broken.
    """
    try:
        settings = load_settings(path, env)
    except SettingsError as error:
        return CheckReport(error.complaints, ())
    broken = _artifact_complaint(settings, load_artifact)
    found = (exposure_warning(settings), _ledger_warning(settings))
    warnings = (*settings.warnings, *(warning for warning in found if warning is not None))
    return CheckReport((broken,) if broken else (), warnings, settings)


def exposure_warning(settings: Settings) -> Complaint | None:
    """A gateway that anybody on the network may call; asked of the final settings, since ``--host`` may have changed them."""
    host = settings.server.host
    if settings.auth.keys or _is_loopback(host):
        return None
    problem = f"{host} is beyond loopback and there are no API keys: whoever reaches the port spends your money"
    fix = "set auth.keys, or listen on 127.0.0.1"
    return Complaint("server.host", problem, fix, settings.origin, line_of(settings, "server.host"))


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ledger_warning(settings: Settings) -> Complaint | None:
    """A ledger that this user cannot write costs rows, not requests: doubtful, not wrong. A database is not asked."""
    _, is_file, name = settings.ledger.url.partition("sqlite:///")
    if not settings.ledger.enabled or not is_file:
        return None
    problem = ledger_problem(Path(name))
    if problem is None:
        return None
    fix = "name a place that it may write to, or set ledger.enabled: false"
    line = line_of(settings, "ledger.url")
    return Complaint("ledger.url", f"{problem}, so no request is recorded", fix, settings.origin, line)


def ledger_problem(file: Path) -> str | None:
    """Why a ledger's file cannot be written, or made where it is missing. What is tried for that leaves nothing.

    It is tried because rights do not tell: root has all of them, and yet none on a read-only disk or in /proc.
    """
    made: list[Path] = []
    place = file
    try:
        if file.exists():
            with file.open("r+b") as ledger:
                if ledger.read(16) not in (b"", b"SQLite format 3\0"):
                    return f"{file} is a file, but no SQLite database"
        place = file.parent
        for folder in [folder for folder in (place, *place.parents) if not folder.exists()][::-1]:
            place = folder
            folder.mkdir(mode=0o700)
            made.append(folder)
        with tempfile.TemporaryFile(dir=place):
            return None  # SQLite's log is a file beside the ledger
    except OSError as error:
        return f"{place} cannot be written by this user ({error.strerror or error})"
    finally:
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # somebody else has begun to use it
                folder.rmdir()


def _artifact_complaint(settings: Settings, load_artifact: Callable[[Path | None], object]) -> Complaint | None:
    artifact = settings.classifier.path
    try:
        load_artifact(artifact)
    except Exception as error:  # whatever is wrong with it, the operator wants to hear it here
        place = "the packaged artifact" if artifact is None else str(artifact)
        fix = "reinstall fusion-router" if artifact is None else "name a directory written by python -m training"
        line = line_of(settings, "classifier.path")
        return Complaint("classifier.path", f"{place} does not load: {error}", fix, settings.origin, line)
    return None


def line_of(settings: Settings, key: str) -> int | None:
    """Where a key stands in the file that settings are from; None where it does not.

    For what shows only after the file was read and checked, and its values no longer know where they stood.
    """
    try:
        text = Path(settings.origin).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    node, _ = read_yaml(text, settings.origin)
    for name in key.split("."):
        node = node.value.get(name) if node is not None and isinstance(node.value, dict) else None
    return None if node is None else node.line
