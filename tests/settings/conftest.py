from collections.abc import Callable
from pathlib import Path

import pytest

from router.config.load import load_settings
from router.settings import Complaint, Settings, SettingsError

KEYS = {
    "OPENAI_API_KEY": "openai-secret",
    "ANTHROPIC_API_KEY": "anthropic-secret",
    "GEMINI_API_KEY": "gemini-secret",
}

POOL = """
pool:
  small: {model: openai/gpt-6-luna}
  strong: {model: anthropic/claude-opus-5}
  flash: {model: gemini/gemini-3-flash-preview}
"""
ROUTING = """
routing:
  small: [small]
  strong: [strong]
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Settings]:
    """Load a config given as text, in an environment with three provider keys."""

    def load_text(text: str, **env: str) -> Settings:
        path = tmp_path / "router.yaml"
        path.write_text(text, encoding="utf-8")
        return load_settings(path, {**KEYS, **env})

    return load_text


@pytest.fixture
def complaints(load: Callable[..., Settings]) -> Callable[..., dict[str, Complaint]]:
    """The complaints about a config given as text, by key."""

    def complain(text: str, **env: str) -> dict[str, Complaint]:
        with pytest.raises(SettingsError) as caught:
            load(text, **env)
        return {complaint.key: complaint for complaint in caught.value.complaints}

    return complain
