"""Where worker processes share their counts. prometheus-client looks there when it is imported, and is not imported here."""

MULTIPROC_DIR = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus-client's own name of the variable."""
