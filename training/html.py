"""HTML of a report: tables with intervals, lists of facts, inlined pictures; readable in light and dark."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --faint: #59636e; --line: #d1d9e0; --paper: #fff; --tint: #f6f8fa; --ours: #0969da }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --faint: #9198a1; --line: #3d444d; --paper: #0d1117; --tint: #151b23; --ours: #4493f8 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 76rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid var(--line) }
p, .note { color: var(--faint) } code { font-size: .9em } .wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6rem 0 } th { text-align: right; font-weight: 600; color: var(--faint) }
td, th { padding: .2rem .6rem; vertical-align: top; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
th { white-space: normal; vertical-align: bottom; max-width: 7rem } td:first-child, th:first-child, .facts td { text-align: left; white-space: normal } tr.ours td { background: var(--tint); color: var(--ours); font-weight: 600 }
small { color: var(--faint); font-weight: 400; display: block; font-size: .78em; line-height: 1.1 } .pictures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start }
.pictures img { height: 26rem; width: auto } :not(.pictures) > img { width: 44rem }
img { max-width: 100%; background: #fff; border: 1px solid var(--line); border-radius: 6px } .tiles { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0 }
.tile { border: 1px solid var(--line); border-radius: 6px; padding: .5rem .9rem; background: var(--tint) } .tile b { display: block; font-size: 1.35rem } .tile small { font-size: .78rem }
"""

WORDS = {
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
    "random_quality_share_at_equal_cost": "random's quality at equal cost",
    "alpha": "quality that may be lost",
    "sent_small": "of them sent small",
    "failures": "small fails, strong does not",
    "failure_share_upper": "share of those, upper bound",
    "quality_loss": "quality lost",
    "score_loss": "mean score lost",
    "score_loss_upper": "upper bound",
    "tested": "policies tested",
    "balanced_cost_share": "balanced: cost",
    "balanced_quality_share": "balanced: quality",
    "small": "small's score",
    "strong": "strong's score",
    "same_pick": "picks unchanged",
    "median_move": "median move of complexity",
    "p95_move": "95 % move less than",
    "learned_from": "learned from",
    "level_error": "error of the mean",
    "log_loss_tier": "log loss by its tier",
    "log_loss_mean": "log loss by its mean",
}
ALT = {
    "cost_quality": "Quality against cost for the classifier and every baseline",
    "reliability": "Share of small failures against complexity",
    "by_source": "AUROC inside each source",
    "adapting": "What rows of an unseen source add",
}


def table(rows: Mapping[str, Any], columns: Sequence[str], head: str = "", ours: str = "classifier") -> str:
    """A table with a row a name; columns that no row has are left out."""
    kept = [column for column in columns if any(column in row for row in rows.values())]
    if not kept:
        return ""
    heads = "".join(f"<th>{word(column)}</th>" for column in kept)
    body = "".join(
        f"<tr{' class=ours' if name == ours else ''}><td>{escape(str(name))}</td>"
        + "".join(f"<td>{cell(row, column)}</td>" for column in kept)
        + "</tr>"
        for name, row in rows.items()
    )
    return f'<div class="wide"><table><tr><th>{escape(head)}</th>{heads}</tr>{body}</table></div>'


def cell(row: Mapping[str, Any], column: str) -> str:
    """A number, with its interval in small below it where there is one."""
    text, around = number(row.get(column)), row.get(f"{column}_95")
    return f"{text} <small>{number(around[0])}–{number(around[1])}</small>" if around else text


def facts(about: Mapping[str, Any]) -> str:
    """A list of names and values; what is None is left out."""
    rows = "".join(f"<tr><td>{escape(k)}</td><td>{escape(str(v))}</td></tr>" for k, v in about.items() if v is not None)
    return f'<table class="facts">{rows}</table>'


def number(value: Any) -> str:
    """A value for people: counts with commas, everything else to three digits."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def word(name: str) -> str:
    """What a measure is called."""
    return WORDS.get(name, name.replace("_", " "))


def picture(name: str, images: Mapping[str, bytes]) -> str:
    """A picture inside the page; nothing where it was not drawn."""
    if name not in images:
        return ""
    return f'<img alt="{ALT[name]}" src="data:image/png;base64,{b64encode(images[name]).decode()}">'
