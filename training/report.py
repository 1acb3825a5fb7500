"""One HTML page of an evaluation: pictures inlined, nothing fetched, readable in light and dark."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from classifier.artifact import Manifest
from router.core.types import MODES
from training.everyday_data import LEVELS
from training.plots import pictures
from training.probes import PROBES
from training.state import write_text

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --faint: #59636e; --line: #d1d9e0; --paper: #fff; --tint: #f6f8fa; --ours: #0969da }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --faint: #9198a1; --line: #3d444d; --paper: #0d1117; --tint: #151b23; --ours: #4493f8 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 76rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid var(--line) }
p, .note { color: var(--faint) } code { font-size: .9em } .wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6rem 0 } th { text-align: right; font-weight: 600; color: var(--faint) }
td, th { padding: .2rem .6rem; vertical-align: top; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
td:first-child, th:first-child { text-align: left } tr.ours td { background: var(--tint); color: var(--ours); font-weight: 600 }
small { color: var(--faint); font-weight: 400; display: block; font-size: .78em; line-height: 1.1 } .pictures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start }
img { max-width: 100%; background: #fff; border: 1px solid var(--line); border-radius: 6px } .tiles { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0 }
.tile { border: 1px solid var(--line); border-radius: 6px; padding: .5rem .9rem; background: var(--tint) } .tile b { display: block; font-size: 1.35rem }
"""

_RANKING = ("auroc", "brier", "ece", "apgr", "cpt50", "cpt80", "aiq", "cost_at_99", "cost_at_95")
_WORDS = {
    "auroc": "AUROC",
    "brier": "Brier",
    "ece": "ECE",
    "apgr": "APGR",
    "cpt50": "CPT(50)",
    "cpt80": "CPT(80)",
    "aiq": "AIQ",
    "cost_at_99": "cost at 99 %",
    "cost_at_95": "cost at 95 %",
    "n": "prompts",
    "cost_share": "cost",
    "cost_share_by_tokens": "cost by tokens",
    "quality_share": "quality",
    "random_quality_share_at_equal_cost": "random at equal cost",
    "learned_from": "learned from",
    "level_error": "error of the mean",
}
MODELS_SHOWN = 15
_ALT = {
    "cost_quality": "Quality against cost for the classifier and every baseline",
    "reliability": "Share of small failures against complexity",
    "by_source": "AUROC inside each source",
    "adapting": "What rows of an unseen source add",
}


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
        f'<div class="pictures">{_picture("cost_quality", images)}{_picture("reliability", images)}</div>',
        "<h2>Rankings</h2>",
        '<p>AUROC, Brier and ECE of "small fails"; the others spend on the prompts with the largest estimated gain.</p>',
        _table(_best_first(evaluation["rankings"]), _RANKING),
        "<h2>Modes</h2>",
        "<p>Through the production decision and cost function, with the thresholds of the artifact.</p>",
        _table(_in_order(evaluation["modes"], MODES), _MODE, head="mode"),
        *_certificate(thresholds.get("certificate")),
        "<h2>Sources, tasks, languages</h2>",
        _within(evaluation["within_source_auroc"]),
        _picture("by_source", images),
        *(_table(evaluation["by"][kind], _SLICE, head=kind) for kind in ("source", "task", "language")),
        *_elsewhere(evaluation, images),
        "<h2>Everyday prompts</h2>",
        "<p>The half that no fit has seen, labelled by judgement: share sent to strong.</p>",
        _table(_in_order(evaluation.get("everyday", {}), LEVELS), _EVERYDAY, head="level"),
        *_known_models(evaluation.get("recorded_models") or {}),
        "<h2>New models</h2>",
        "<p>Recorded models placed from a few calibration outcomes: AUROC of their success on the test prompts, and the error of its mean.</p>",
        _table(
            _in_order(evaluation.get("new_models", {}), (*map(str, PROBES), "all")),
            ("models", "auroc", "level_error"),
            head="outcomes",
        ),
        "<h2>Controls</h2>",
        "<p>Trees on the same prompts with labels shuffled, on random features, and on the source's name alone: the first two must be worthless, the third shows how far recognising the source goes.</p>",
        _table(evaluation["placebos"], _RANKING),
        "<h2>Robustness</h2>",
        "<p>Share of picks left unchanged in balanced mode, and how far complexity moves.</p>",
        _table(evaluation.get("robustness", {}), ("n", "same_pick", "median_move", "p95_move")),
        "<h2>Definitions</h2>",
        "<ul>" + "".join(f"<li>{_word(k)}: {escape(v)}</li>" for k, v in evaluation["definitions"].items()) + "</ul>",
        _rejected(evaluation),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(manifest.name)} {escape(manifest.version)}: evaluation</title><style>{_STYLE}</style></head><body>\n"
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
_PROMISED = ("certified", "alpha", "quality_loss", "n", "sent_small", "failures", "failure_share_upper", "tested")


def _tiles(evaluation: Mapping[str, Any]) -> str:
    ours = evaluation["rankings"]["classifier"]
    tiles = {_word(key): ours[key] for key in ("auroc", "ece", "apgr", "cost_at_99", "cost_at_95")}
    outside = evaluation.get("leave_one_source_out") or {}
    if outside:
        tiles |= {f"{_word(key)}, sources left out": outside["macro"][key] for key in ("auroc", "apgr")}
    return (
        '<div class="tiles">'
        + "".join(f'<div class="tile"><b>{_number(v)}</b>{k}</div>' for k, v in tiles.items())
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
    rows = "".join(f"<tr><td>{escape(k)}</td><td>{escape(str(v))}</td></tr>" for k, v in about.items() if v is not None)
    return [
        f"<h2>{kind}</h2>",
        f"<table>{rows}</table>",
        _table(_in_order(certificate["modes"], MODES), _PROMISED, head="mode"),
    ]


def _elsewhere(evaluation: Mapping[str, Any], images: Mapping[str, bytes]) -> Iterable[str]:
    """What refits say: sources left out, and learned from in part."""
    outside, adapted = evaluation.get("leave_one_source_out") or {}, evaluation.get("adapting") or {}
    if outside:
        rows = {**outside["sources"], "macro average": outside["macro"]}
        yield "<h2>Sources left out</h2><p>Fitted anew without the source, judged on all of it (test split apart).</p>"
        yield _table(rows, ("n", "auroc", "apgr", "ece"), head="source", ours="macro average")
    if adapted:
        rows = {f"{name}, {point['rows']:,} rows": point for name, points in adapted.items() for point in points}
        yield "<h2>Adapting</h2><p>Half of an unseen source is judged; rows of the other half are learned.</p>"
        yield _picture("adapting", images)
        yield _table(rows, ("n", "auroc", "apgr", "ece"), head="source")


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
    yield _table(rows, measures, head="success estimated", ours="by its ability")
    yield f"<p>The {len(shown)} with most outcomes:</p>"
    yield _table(shown, ("learned_from", "n", *measures, "log_loss_tier", "log_loss_mean"), head="model")


def _within(found: Mapping[str, Any]) -> str:
    if not found:
        return ""
    return (
        f"<p>Inside a source, macro average over {found['sources']}: AUROC {_number(found['auroc'])}, "
        f"APGR {_number(found['apgr'])}. What is left when the name of the source cannot help.</p>"
    )


def _rejected(evaluation: Mapping[str, Any]) -> str:
    rejected = evaluation.get("rejected") or {}
    rows = "".join(f"<tr><td>{escape(k)}</td><td>{v:,}</td></tr>" for k, v in sorted(rejected.items()))
    return f"<h2>Rejected rows</h2><table>{rows}</table>" if rows else "<p>No row of the data was rejected.</p>"


def _table(rows: Mapping[str, Any], columns: Sequence[str], head: str = "", ours: str = "classifier") -> str:
    """A table with a row a name; columns that no row has are left out."""
    kept = [column for column in columns if any(column in row for row in rows.values())]
    if not kept:
        return ""
    heads = "".join(f"<th>{_word(column)}</th>" for column in kept)
    body = "".join(
        f"<tr{' class=ours' if name == ours else ''}><td>{escape(str(name))}</td>"
        + "".join(f"<td>{_cell(row, column)}</td>" for column in kept)
        + "</tr>"
        for name, row in rows.items()
    )
    return f'<div class="wide"><table><tr><th>{escape(head)}</th>{heads}</tr>{body}</table></div>'


def _cell(row: Mapping[str, Any], column: str) -> str:
    text, around = _number(row.get(column)), row.get(f"{column}_95")
    return f"{text} <small>{_number(around[0])}–{_number(around[1])}</small>" if around else text


def _best_first(rankings: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(rankings.items(), key=lambda item: -item[1]["apgr"]))


def _in_order(rows: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: rows[name] for name in names if name in rows}


def _number(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _word(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " "))


def _picture(name: str, images: Mapping[str, bytes]) -> str:
    if name not in images:
        return ""
    return f'<img alt="{_ALT[name]}" src="data:image/png;base64,{b64encode(images[name]).decode()}">'
