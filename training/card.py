"""The model card: what an artifact is for, what it was measured at, and what it cannot do. Numbers come from code."""

from collections.abc import Mapping
from typing import Any

from classifier.artifact import Manifest
from router.core.types import MODES


def model_card(manifest: Manifest, evaluation: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    return "\n".join(
        [
            f"# {manifest.name} {manifest.version}",
            "",
            f"`{manifest.artifact}`, a prompt-complexity classifier: will the small model's answer be good enough, and what",
            "would the strong model add? It reads the newest human turn and runs on numpy alone.",
            "",
            "## Meant for",
            "",
            "Choosing between a small and a strong language model for a request. Not for judging people, answers or",
            "content, and not for models whose strengths differ from those of the recorded tiers: add outcomes of your own",
            "with `python -m training add-model`, or train on your own ledger.",
            "",
            "## Data",
            "",
            f"{manifest.data.get('prompts', 0):,} prompts, fingerprint `{str(manifest.data.get('fingerprint', ''))[:12]}`; "
            "split by near-duplicate group into train, calibration and test.",
            *_rejected(manifest),
            "",
            "## Measured on the test split",
            "",
            f"{evaluation['prompts']:,} prompts; 95 % intervals by bootstrap over groups.",
            "",
            "| | AUROC | ECE | APGR | cost at 99 % | cost at 95 % |",
            "|---|---|---|---|---|---|",
            *(_ranking(name, found) for name, found in evaluation["rankings"].items()),
            "",
            *_outside(evaluation),
            "## Modes",
            "",
            "| mode | complexity | gain | novelty | cost | quality | certified loss |",
            "|---|---|---|---|---|---|---|",
            *_modes(manifest, evaluation),
            "",
            *_certificate(manifest),
            "## Limits",
            "",
            "- Within one exam-like source the text alone says little; most of the ranking comes from the kind of prompt.",
            "- Recorded outcomes are mostly English exams, code, logic and tool calls. Other prompts are farther from what was seen.",
            "- The certificate speaks of prompts and models like those of the calibration split, and of nothing else.",
            "",
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
        f"expires: {certificate['expires'] or 'no date given'}.",
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
