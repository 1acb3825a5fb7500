"""Reading the settings for a command, with complaints on standard error."""

import os
import sys
from pathlib import Path

from router.config.load import load_settings
from router.settings import Settings, SettingsError

DEMO_CONFIG = Path(__file__).parent.parent / "demo" / "router.yaml"


def read_settings(path: Path | None, *, calls: bool = True) -> Settings | None:
    """The settings of a file or of the environment; None, with the reasons printed, where they cannot be used.

    Without ``calls`` nobody will be called, and a file may do without the keys.
    """
    try:
        return load_settings(path, os.environ, calls=calls)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return None


def read_settings_or_demo(path: Path | None) -> Settings | None:
    """For commands that call nobody: without a config, and where the environment names no pool, the demo's serves as well."""
    if path is not None:
        return read_settings(path, calls=False)
    try:
        return load_settings(None, os.environ, calls=False)
    except SettingsError as error:
        why = "; ".join(f"{complaint.key} {complaint.problem}".strip() for complaint in error.complaints)
        print(f"No config, and {why}: deciding for the demo's pool.", file=sys.stderr)
        return read_settings(DEMO_CONFIG)
