"""``fusion-router check``: everything that can be known without calling anybody."""

import argparse
import os
import sys
from datetime import UTC, datetime

from classifier import Classifier
from router.config.check import check, line_of
from router.core.certificate import read_certificate
from router.core.types import Deployment, Mode
from router.settings import Settings


def run(options: argparse.Namespace) -> int:
    """Print complaints and warnings; exit 0 where the gateway would start and route, else 1."""
    from router.app import build_policy, panel_doubt

    report = check(options.config, os.environ, Classifier.load)
    for complaint in report.complaints:
        print(f"error: {complaint}", file=sys.stderr)
    for warning in report.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if report.settings is not None and report.ok:
        classifier = Classifier.load(report.settings.classifier.path)
        print(_summary(report.settings, classifier))
        for way in report.settings.proxies:
            print(f"proxy: {way}")
        print(_models(report.settings, classifier))
        _show_certificate(report.settings.routing.mode, classifier)
        doubt = panel_doubt(build_policy(report.settings, classifier))
        if doubt:
            line = line_of(report.settings, "fusion.panel")
            place = f"{report.settings.origin}:{line}: " if line is not None else ""
            print(f"warning: {place}{doubt}", file=sys.stderr)
    return 0 if report.ok else 1


def _models(settings: Settings, classifier: Classifier) -> str:
    """A line a deployment: whether the classifier knows its model, through which name, or what would help."""
    lines = [_model(target.deployment, classifier) for target in settings.pool.values()]
    head = "estimated success of single models, shown by explain and /v1/route; routing does not need it:"
    unknown = [target for target in settings.pool.values() if not _is_known(target.deployment, classifier)]
    tail = ["  to have one: like: a known model in the config, or python -m training add-model"] if unknown else []
    return "\n".join([head, *lines, *tail])


def _is_known(deployment: Deployment, classifier: Classifier) -> bool:
    return classifier.known_model(deployment.model, deployment.like) is not None


def _model(deployment: Deployment, classifier: Classifier) -> str:
    known = classifier.known_model(deployment.model, deployment.like)
    if known is None:
        hint = "" if deployment.like is None else f" nor of {deployment.like}, which it is declared to be like"
        return f"  {deployment.name}: no outcomes of {deployment.model} are recorded{hint}, so none is shown"
    through = "" if known.exact else f" through {known.name}"
    mean = classifier.mean_success(deployment.model, deployment.like)
    often = "" if mean is None else f"; answers {mean:.0%} of the calibration prompts well"
    return f"  {deployment.name}: {deployment.model} is known{through}, from {known.ability.outcomes:,} outcomes{often}"


def _show_certificate(mode: Mode, classifier: Classifier) -> None:
    """What the thresholds promise, and why that may not be relied on."""
    certificate = read_certificate(classifier.manifest.thresholds, classifier.manifest.versions)
    if certificate is None:
        print("warning: the artifact brings no thresholds; run python -m training thresholds", file=sys.stderr)
        return
    judge, today = classifier.artifact, datetime.now(UTC).date()
    promise = certificate.modes.get(mode)
    stands = promise is not None and promise.certified and not certificate.voided(judge, today)
    print(certificate.in_words(mode, judge, today) + (f"; holds for {certificate.holds_for}" if stands else ""))
    for doubt in certificate.doubts(judge, today):
        print(f"warning: {doubt}; run python -m training thresholds on recent data", file=sys.stderr)


def _summary(settings: Settings, classifier: Classifier) -> str:
    routing = settings.routing
    return (
        f"{settings.origin}: ok. {len(settings.pool)} deployments; small: {', '.join(routing.small)}; "
        f"strong: {', '.join(routing.strong)}; mode {routing.mode}; baseline {routing.baseline}; "
        f"classifier {classifier.artifact}."
    )
