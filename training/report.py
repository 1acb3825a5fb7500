"""One HTML page of an evaluation: pictures inlined, nothing fetched, readable in light and dark."""

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from classifier.artifact import Manifest
from router.core.types import MODES
from training.everyday_data import LEVELS
from training.html import STYLE, cell, facts, number, picture, table, word
from training.plots import pictures
from training.probes import PROBES
from training.state import write_text

_RANKING = ("auroc", "brier", "ece", "apgr", "cpt50", "cpt80", "aiq", "cost_at_99", "cost_at_95")
MODELS_SHOWN = 15


def write_report(out: Path, manifest: Manifest, evaluation: Mapping[str, Any]) -> list[Path]:
    """Write ``report.html`` and its pictures to ``out``; returns the files."""
    images = pictures(evaluation)
    for name, image in images.items():
        (out / f"{name}.png").write_bytes(image)
    write_text(out / "report.html", page(manifest, evaluation, images))
    return [out / "report.html", *(out / f"{name}.png" for name in images)]


def page(manifest: Manifest, evaluation: Mapping[str, Any], images: Mapping[str, bytes]) -> str:
    """The whole page."""
    thresholds = manifest.thresholds or {}
    parts = [
        f"<h1>{escape(manifest.name)} {escape(manifest.version)}</h1>",
        f"<p><code>{escape(manifest.artifact)}</code> on {evaluation['prompts']:,} test prompts in "
        f"{evaluation['groups']:,} near-duplicate groups; data <code>{escape(str(evaluation.get('data', ''))[:12])}</code>. "
        "Small figures are 95 % intervals by bootstrap over groups.</p>",
        _tiles(evaluation),
        "<h2>Cost and quality, and whether complexity can be believed</h2>",
        "<p>Left: quality kept for what is spent, escalating by estimated gain; dots are the three modes with the artifact's "
        "thresholds, squares always-small and always-strong. Right: of the prompts given a complexity, the share that small failed.</p>",
        f'<div class="pictures">{picture("cost_quality", images)}{picture("reliability", images)}</div>',
        "<h2>Rankings</h2>",
        '<p>AUROC, Brier and ECE of "small fails"; the others spend on the prompts with the largest estimated gain.</p>',
        table(_best_first(evaluation["rankings"]), _RANKING),
        "<h2>Modes</h2>",
        "<p>Through the production decision and cost function, with the thresholds of the artifact.</p>",
        table(_in_order(evaluation["modes"], MODES), _MODE, head="mode"),
        *_certificate(thresholds.get("certificate")),
        "<h2>Sources, tasks, languages</h2>",
        _within(evaluation["within_source_auroc"]),
        picture("by_source", images),
        *(table(evaluation["by"][kind], _SLICE, head=kind) for kind in ("source", "task", "language")),
        *_elsewhere(evaluation, images),
        "<h2>Everyday prompts</h2>",
        "<p>The half that no fit has seen, labelled by judgement: share sent to strong.</p>",
        table(_in_order(evaluation.get("everyday", {}), LEVELS), _EVERYDAY, head="level"),
        "<p>Requests with a system message that no fit has seen, likewise, by where the task stands.</p>",
        table(evaluation.get("instructed", {}), _EVERYDAY, head="request"),
        *_known_models(evaluation.get("recorded_models") or {}),
        "<h2>New models</h2>",
        "<p>Recorded models placed from a few calibration outcomes: AUROC of their success on the test prompts, and the error of its mean.</p>",
        table(
            _in_order(evaluation.get("new_models", {}), (*map(str, PROBES), "all")),
            ("models", "auroc", "level_error"),
            head="outcomes",
        ),
        "<h2>Controls</h2>",
        "<p>Trees on the same prompts with labels shuffled, on random features, and on the source's name alone: the first two must be worthless, the third shows how far recognising the source goes.</p>",
        table(evaluation["placebos"], _RANKING),
        "<h2>Robustness</h2>",
        "<p>Share of picks left unchanged in balanced mode, and how far complexity moves.</p>",
        table(evaluation.get("robustness", {}), ("n", "same_pick", "median_move", "p95_move")),
        "<h2>Made of</h2>",
        _made_of(manifest),
        "<h2>Definitions</h2>",
        "<ul>" + "".join(f"<li>{word(k)}: {escape(v)}</li>" for k, v in evaluation["definitions"].items()) + "</ul>",
        _rejected(evaluation),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(manifest.name)} {escape(manifest.version)}: evaluation</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


_MODE = (
    "cost_share",
    "cost_share_by_tokens",
    "quality_share",
    "random_quality_share_at_equal_cost",
    "strong_share",
    "under_escalation",
    "over_escalation",
    "escalated_in_vain",
)
_EVERYDAY = ("n", "mean_complexity", "mean_gain", "strong_in_cost", "strong_in_balanced", "strong_in_quality")
_SLICE = (
    "n",
    "auroc",
    "ece",
    "apgr",
    "mean_complexity",
    "small_fails",
    "small",
    "strong",
    "balanced_cost_share",
    "balanced_quality_share",
)
_COUNTED = ("groups", "sent_small", "failures", "tested")
_PROMISED = {
    "quality": ("certified", "alpha", "quality_loss", "score_loss", "score_loss_upper", *_COUNTED),
    "failures": ("certified", "alpha", "failure_share_upper", *_COUNTED),
}


def _tiles(evaluation: Mapping[str, Any]) -> str:
    ours = evaluation["rankings"]["classifier"]
    tiles = {word(key): (ours, key) for key in ("auroc", "ece", "apgr", "cost_at_99", "cost_at_95")}
    outside = evaluation.get("leave_one_source_out") or {}
    if outside:
        tiles |= {f"{word(key)}, sources left out": (outside["macro"], key) for key in ("auroc", "apgr")}
    return (
        '<div class="tiles">'
        + "".join(f'<div class="tile"><b>{cell(found, key)}</b>{name}</div>' for name, (found, key) in tiles.items())
        + "</div>"
    )


def _certificate(certificate: Mapping[str, Any] | None) -> list[str]:
    if not certificate:
        return []
    kind = "Certificate" if certificate["certified"] else "Thresholds without a certificate"
    delta = certificate["delta"]
    about = {
        "method": certificate["method"],
        "bound": certificate["bound"],
        "promise": certificate["promise"],
        "delta": None if delta is None else round(delta, 6),
        "prompts, groups": f"{certificate['prompts']:,}, {certificate['groups']:,}",
        "policies on the path": certificate["path"]["policies"],
        "data": str(certificate["data"])[:12],
        "window": " to ".join(str(day) for day in certificate["window"].values() if day) or "undated",
        "expires": certificate["expires"] or "never",
        "term": certificate["term"],
        "calibrated on": certificate["calibrated_on"],
        "holds for": certificate["holds_for"],
    }
    modes = {mode: {**found, "groups": found.get("n")} for mode, found in certificate["modes"].items()}
    return [
        f"<h2>{kind}</h2>",
        facts(about),
        table(_in_order(modes, MODES), _PROMISED[certificate["promise"] or "quality"], head="mode"),
    ]


def _made_of(manifest: Manifest) -> str:
    """What went into the artifact."""
    prompts = manifest.data.get("prompts") or {}
    about = {
        "prompts": ", ".join(f"{name} {count:,}" for name, count in prompts.items()),
        "outcomes": f"{manifest.data.get('outcomes', 0):,}",
        "other prompts": ", ".join(f"{k} {v:,}" for k, v in (manifest.data.get("extra_prompts") or {}).items()) or None,
        "data": str(manifest.data.get("fingerprint", ""))[:12],
        "seed": manifest.seed,
        "versions": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
    }
    return facts(about)


def _elsewhere(evaluation: Mapping[str, Any], images: Mapping[str, bytes]) -> Iterable[str]:
    """What refits say: sources left out, and learned from in part."""
    outside, adapted = evaluation.get("leave_one_source_out") or {}, evaluation.get("adapting") or {}
    if outside:
        rows = {**outside["sources"], "macro average": outside["macro"]}
        yield "<h2>Sources left out</h2><p>Fitted anew without the source, judged on all of it (test split apart).</p>"
        yield table(rows, ("n", "auroc", "apgr", "ece"), head="source", ours="macro average")
    if adapted:
        rows = {f"{name}, {point['rows']:,} rows": point for name, points in adapted.items() for point in points}
        yield "<h2>Adapting</h2><p>Half of an unseen source is judged; rows of the other half are learned.</p>"
        yield picture("adapting", images)
        yield table(rows, ("n", "auroc", "apgr", "ece"), head="source")


def _known_models(found: Mapping[str, Any]) -> Iterable[str]:
    """What the artifact says of the success of each model it knows, and what it would say without abilities."""
    if not found:
        return
    mean, measures = found["mean"], ("auroc", "log_loss", "level_error")
    ways = {"by its ability": "", "by its tier": "_tier", "by its mean score": "_mean"}
    rows = {
        way: {
            name + around: mean[f"{name}{ending}{around}"]
            for name in measures
            for around in ("", "_95")
            if f"{name}{ending}{around}" in mean
        }
        for way, ending in ways.items()
    }
    shown = dict(sorted(found["models"].items(), key=lambda each: -each[1]["learned_from"])[:MODELS_SHOWN])
    yield (
        f"<h2>Known models</h2><p>Success of {mean['models']} recorded models on calibration prompts, from abilities learned "
        "on the train split: means over the models, intervals by drawing the models anew.</p>"
    )
    yield table(rows, measures, head="success estimated", ours="by its ability")
    yield f"<p>The {len(shown)} with most outcomes:</p>"
    yield table(shown, ("learned_from", "n", *measures, "log_loss_tier", "log_loss_mean"), head="model")


def _within(found: Mapping[str, Any]) -> str:
    if not found:
        return ""
    return (
        f"<p>Inside a source, macro average over {found['sources']}: AUROC {number(found['auroc'])}, "
        f"APGR {number(found['apgr'])}. What is left when the name of the source cannot help.</p>"
    )


def _rejected(evaluation: Mapping[str, Any]) -> str:
    rejected = evaluation.get("rejected") or {}
    rows = {reason: f"{count:,}" for reason, count in sorted(rejected.items())}
    return f"<h2>Rejected rows</h2>{facts(rows)}" if rows else "<p>No row of the data was rejected.</p>"


def _best_first(rankings: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(rankings.items(), key=lambda item: -item[1]["apgr"]))


def _in_order(rows: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: rows[name] for name in names if name in rows}
