"""Pictures of an evaluation. Fixed metadata and no clock: equal numbers, equal bytes."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

from training.metrics import SMALL_PRICE_SHARE

INK, FAINT, OURS = "#24292f", "#8c959f", "#0969da"
_COLOURS = ("#bc4c00", "#1a7f37", "#8250df", "#bf3989", "#9a6700", "#57606a", "#116329")
_DRAWN_LAST = ("oracle", "random")


def cost_quality(evaluation: Mapping[str, Any]) -> bytes:
    """Quality against cost for every ranking, with the three modes."""
    figure, axes = plt.subplots(figsize=(7.4, 5.0))
    always = evaluation["always_strong"]["score"]
    curves = evaluation["curves"]
    for number, name in enumerate(sorted(curves, key=lambda name: (name in _DRAWN_LAST, name))):
        x, y = curves[name]["cost"], [quality / always for quality in curves[name]["quality"]]
        if name == "classifier":
            axes.plot(x, y, color=OURS, linewidth=2.6, label=name, zorder=5)
        elif name in _DRAWN_LAST:
            axes.plot(x, y, color=FAINT, linewidth=1.4, linestyle="--" if name == "oracle" else ":", label=name)
        else:
            axes.plot(x, y, color=_COLOURS[number % len(_COLOURS)], linewidth=1.2, label=name)
    for mode, found in evaluation["modes"].items():
        axes.errorbar(
            found["cost_share"],
            found["quality_share"],
            yerr=_arms(found),
            color=INK,
            marker="o",
            markersize=5,
            capsize=3,
            zorder=6,
        )
        axes.annotate(
            mode,
            (found["cost_share"], found["quality_share"]),
            xytext=(7, -17),
            textcoords="offset points",
            zorder=7,
            fontweight="bold",
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
        )
    ends = [SMALL_PRICE_SHARE, 1.0], [evaluation["always_small"]["quality_share"], 1.0]
    axes.plot(*ends, color=INK, marker="s", markersize=5, linestyle="", zorder=6)
    for level in (0.95, 0.99):
        axes.axhline(level, color=FAINT, linewidth=0.7)
        axes.annotate(f"{level:.0%}", (0.0, level), xytext=(2, 2), textcoords="offset points", fontsize=8, color=FAINT)
    axes.set_xlim(0, 1.04)
    axes.set_xlabel("cost (always-strong = 1)")
    axes.set_ylabel("quality (always-strong = 1)")
    axes.set_ylim(min(0.75, evaluation["always_small"]["quality_share"] - 0.01), 1.06)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    return _png(figure)


def reliability_diagram(evaluation: Mapping[str, Any]) -> bytes:
    """Frequency of a small failure against complexity, in equally filled bins."""
    figure, axes = plt.subplots(figsize=(4.9, 4.9))
    bins = evaluation["reliability"]
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle=":", linewidth=1.2)
    axes.plot([each[0] for each in bins], [each[1] for each in bins], color=OURS, marker="o", linewidth=1.6)
    axes.set_xlabel("complexity")
    axes.set_ylabel("share that small fails")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    return _png(figure)


def by_source(evaluation: Mapping[str, Any]) -> bytes:
    """AUROC inside each source, with its interval."""
    found = evaluation["by"]["source"]
    names = sorted((name for name in found if found[name]["auroc"] is not None), key=lambda n: found[n]["auroc"])
    figure, axes = plt.subplots(figsize=(6.6, 0.9 + 0.34 * len(names)))
    for row, name in enumerate(names):
        low, high = found[name]["auroc_95"] or (found[name]["auroc"],) * 2
        axes.plot([low, high], [row, row], color=OURS, linewidth=1.4)
        axes.plot([found[name]["auroc"]], [row], color=OURS, marker="o")
    axes.axvline(0.5, color=FAINT, linestyle=":", linewidth=1.2)
    axes.set_yticks(range(len(names)), [f"{name} ({found[name]['n']})" for name in names])
    axes.set_xlabel("AUROC inside the source")
    return _png(figure)


def adapting_curve(evaluation: Mapping[str, Any]) -> bytes:
    """AUROC on the kept half of an unseen source, against rows learned of the other half."""
    figure, axes = plt.subplots(figsize=(7.4, 4.4))
    for number, (name, points) in enumerate(sorted(evaluation["adapting"].items())):
        colour = _COLOURS[number % len(_COLOURS)]
        axes.set_xticks(range(len(points)), [f"{each['rows']:,}" for each in points])
        for measure, line in (("auroc", "-"), ("apgr", "--")):
            xs = [place + 0.03 * number for place in range(len(points))]
            axes.errorbar(
                xs,
                [each[measure] for each in points],
                yerr=_spans(points, measure),
                color=colour,
                marker="o",
                linestyle=line,
                capsize=2,
                elinewidth=0.8,
                label=f"{name}: {measure.upper()}",
            )
    axes.axhline(0.5, color=FAINT, linestyle=":", linewidth=1.2)
    axes.set_xlabel("rows of the unseen source that were learned")
    axes.set_ylabel("on its other half")
    axes.legend(fontsize=8, frameon=False, ncol=2, loc="upper center", bbox_to_anchor=(0.5, 1.17))
    return _png(figure)


PICTURES: Mapping[str, Callable[[Mapping[str, Any]], bytes]] = {
    "cost_quality": cost_quality,
    "reliability": reliability_diagram,
    "by_source": by_source,
    "adapting": adapting_curve,
}


def pictures(evaluation: Mapping[str, Any]) -> dict[str, bytes]:
    """PNG bytes by name; what was not measured has no picture."""
    return {
        name: draw(evaluation) for name, draw in PICTURES.items() if name != "adapting" or evaluation.get("adapting")
    }


def _spans(points: Sequence[Mapping[str, Any]], measure: str) -> list[list[float]] | None:
    """Lengths of the error bars of a curve, below and above."""
    around = [each[f"{measure}_95"] for each in points]
    if any(each is None for each in around):
        return None
    values = [each[measure] for each in points]
    lows = [max(0.0, value - low) for value, (low, _) in zip(values, around, strict=True)]
    return [lows, [max(0.0, high - value) for value, (_, high) in zip(values, around, strict=True)]]


def _arms(found: Mapping[str, Any]) -> list[list[float]] | None:
    """Lengths of an error bar below and above."""
    if not found["quality_share_95"]:
        return None
    low, high = found["quality_share_95"]
    return [[max(0.0, found["quality_share"] - low)], [max(0.0, high - found["quality_share"])]]


def _png(figure: Any) -> bytes:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=140, metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()
