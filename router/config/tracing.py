"""Whether requests are traced: OpenTelemetry's own variables say so, and need what the extra ``otel`` installs."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec

from router.settings import Complaint, Settings

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Source: OpenTelemetry's specification of the OTLP exporter."""


def with_tracing(settings: Settings, env: Mapping[str, str]) -> Settings:
    """The settings with ``traces`` on where the environment names a collector; a warning where nothing can reach it."""
    named = next((name for name in ENDPOINTS if env.get(name)), None)
    if named is None or env.get("OTEL_SDK_DISABLED", "").lower() == "true" or env.get("OTEL_TRACES_EXPORTER") == "none":
        return settings
    if not _is_installed():
        doubt = Complaint(named, "is set, but OpenTelemetry is not installed", "pip install '.[otel]' in the checkout")
        return replace(settings, warnings=(*settings.warnings, doubt))
    return replace(settings, traces=True)


def _is_installed() -> bool:
    """Whether all of the extra is there; OpenTelemetry's API alone comes along with FastAPI."""
    try:
        return all(find_spec(module) for module in ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"))
    except ModuleNotFoundError:  # of a package above the one that is looked for
        return False
