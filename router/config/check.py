"""``fusion-router check``: everything that can be known without calling anybody."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from router.config.load import load_settings
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
    return CheckReport((broken,) if broken else (), settings.warnings, settings)


def _artifact_complaint(settings: Settings, load_artifact: Callable[[Path | None], object]) -> Complaint | None:
    artifact = settings.classifier.path
    try:
        load_artifact(artifact)
    except Exception as error:  # whatever is wrong with it, the operator wants to hear it here
        place = "the packaged artifact" if artifact is None else str(artifact)
        fix = "reinstall fusion-router" if artifact is None else "name a directory written by python -m training"
        return Complaint("classifier.path", f"{place} does not load: {error}", fix, settings.origin)
    return None
