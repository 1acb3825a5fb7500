"""``fusion-router check``: everything that can be known without calling anybody."""

import argparse
import os
import sys

from classifier import Classifier
from router.config.check import check
from router.settings import Settings


def run(options: argparse.Namespace) -> int:
    """Print complaints and warnings; exit 0 where the gateway would start and route, else 1."""
    report = check(options.config, os.environ, Classifier.load)
    for complaint in report.complaints:
        print(f"error: {complaint}", file=sys.stderr)
    for warning in report.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if report.settings is not None and report.ok:
        print(_summary(report.settings))
    return 0 if report.ok else 1


def _summary(settings: Settings) -> str:
    routing, classifier = settings.routing, Classifier.load(settings.classifier.path)
    return (
        f"{settings.origin}: ok. {len(settings.pool)} deployments; small: {', '.join(routing.small)}; "
        f"strong: {', '.join(routing.strong)}; mode {routing.mode}; baseline {routing.baseline}; "
        f"classifier {classifier.artifact}."
    )
