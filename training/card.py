"""The model card: what an artifact is for, what it was measured at, and what it cannot do. Numbers come from code."""

from collections.abc import Mapping
from typing import Any

from classifier.artifact import Manifest
from router.core.types import MODES
from training.fit import model_card as fitted_card


def model_card(manifest: Manifest, evaluation: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    return "\n".join(
        [
            fitted_card(manifest).rstrip(),
            *_rejected(manifest),
            "",
            "## Measured on the test split",
            "",
            f"{evaluation['prompts']:,} prompts; 95 % intervals by bootstrap over groups.",
            "",
            "| | AUROC | ECE | APGR | cost at 99 % | cost at 95 % |",
            "|---|---|---|---|---|---|",
            *(
                _ranking(name, found)
                for name, found in sorted(evaluation["rankings"].items(), key=lambda item: -item[1]["apgr"])
            ),
            "",
            *_outside(evaluation),
            "## Modes",
            "",
            "| mode | complexity | gain | novelty | cost | quality | certified loss |",
            "|---|---|---|---|---|---|---|",
            *_modes(manifest, evaluation),
            "",
            *_certificate(manifest),
        ]
    )


def _ranking(name: str, found: Mapping[str, Any]) -> str:
    cells = (_with_interval(found, key) for key in ("auroc", "ece", "apgr", "cost_at_99", "cost_at_95"))
    return f"| {name} | {' | '.join(cells)} |"


def _outside(evaluation: Mapping[str, Any]) -> list[str]:
    outside = evaluation.get("leave_one_source_out") or {}
    if not outside:
        return []
    macro = outside["macro"]
    return [
        f"Each source left out in turn, macro average over {len(outside['sources'])}: "
        f"AUROC {macro['auroc']:.3f}, APGR {macro['apgr']:.3f}.",
        "",
    ]


def _modes(manifest: Manifest, evaluation: Mapping[str, Any]) -> list[str]:
    if not manifest.thresholds:
        return []
    promised = manifest.thresholds["certificate"]["modes"]
    lines = []
    for mode in MODES:
        limits, found = manifest.thresholds[mode], evaluation["modes"][mode]
        loss = f"≤ {promised[mode]['alpha']:.3f}" if promised[mode].get("certified") else "none"
        lines.append(
            f"| {mode} | {limits['complexity']:.3f} | {limits['gain']:+.3f} | {limits['novelty']:.2f} "
            f"| {_with_interval(found, 'cost_share')} | {_with_interval(found, 'quality_share')} | {loss} |"
        )
    return lines


def _certificate(manifest: Manifest) -> list[str]:
    certificate = (manifest.thresholds or {}).get("certificate")
    if not certificate or not certificate["certified"]:
        return ["The thresholds carry no certificate.", ""]
    return [
        f"Certificate: {certificate['method']}, bound by {certificate['bound']}, at confidence "
        f"{1 - certificate['delta']:.2f} for each mode, on {certificate['groups']:,} groups of calibration prompts; "
        f"expires: {certificate['expires'] or 'never'} (term: {certificate['term']}). "
        f"The scores were calibrated on {certificate['calibrated_on']}.",
        "",
    ]


def _rejected(manifest: Manifest) -> list[str]:
    rejected = manifest.data.get("rejected") or {}
    return [f"- rejected, {reason}: {count:,}" for reason, count in sorted(rejected.items())]


def _with_interval(found: Mapping[str, Any], key: str) -> str:
    value, around = found.get(key), found.get(f"{key}_95")
    if value is None:
        return "–"
    return f"{value:.3f} ({around[0]:.3f}–{around[1]:.3f})" if around else f"{value:.3f}"
