"""Two artifacts on the same held-out rows, and whether the second may take the first one's place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.bootstrap import interval, resamples
from training.calibration import expected_calibration_error
from training.data import Ints
from training.metrics import apgr, auroc, brier, cost_for, curve
from training.replay import Rows

MEASURES = ("auroc", "brier", "ece", "apgr", "cost_at_99", "cost_at_95")


@dataclass(frozen=True, slots=True)
class Gates:
    """What a candidate must hold against the artifact in use: no worse on the rows, or surely hardly worse.

    Attributes:
        auroc_loss: AUROC it may lose by the lower end of the paired interval, where it loses any.
        most_ece: expected calibration error it may have, unless it is no worse than before.
        cost_rise: cost at 95 % quality it may add by the upper end of the paired interval, where it adds any.
        control_slack: AUROC above chance that a fit on shuffled labels may reach.
    """

    auroc_loss: float = 0.01
    most_ece: float = 0.03
    cost_rise: float = 0.02
    control_slack: float = 0.05


def compare(
    before: Rows,
    after: Rows,
    gates: Gates | None = None,
    seed: int = 0,
    control: float | None = None,
    further: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Paired differences (after - before) with 95 % intervals, and each gate's verdict.

    Args:
        before, after: the same prompts as judged by the artifact in use and by the candidate.
        gates: of the promotion; the defaults where not given.
        seed: of the bootstrap.
        control: AUROC above chance that the same fit reaches on shuffled labels; None where none was made.
        further: gates that rest on something else than the two artifacts.
    """
    if before.texts != after.texts:
        raise ValueError("the artifacts must judge the same prompts in the same order")
    draws = resamples(before.group, seed)
    old, new = _measure(before), _measure(after)
    everything = np.arange(len(before))
    values = {name: (old(everything)[name], new(everything)[name]) for name in MEASURES}
    drawn = [(old(draw), new(draw)) for draw in draws]
    found = {
        name: {
            "before": first,
            "after": second,
            "difference": second - first,
            "difference_95": interval([b[name] - a[name] for a, b in drawn]),
        }
        for name, (first, second) in values.items()
    }
    gates = gates or Gates()
    verdicts = _verdicts(found, gates)
    if control is not None:
        passed = control <= gates.control_slack
        verdicts.append(gate(f"taught shuffled labels, at most {gates.control_slack} above chance", control, passed))
    verdicts += further
    return {"prompts": len(before), "measures": found, "gates": verdicts, "promote": all(v["passed"] for v in verdicts)}


def table(found: dict[str, Any]) -> str:
    """The comparison for a terminal."""
    lines = [f"{'':14}{'before':>9}{'after':>9}{'difference':>12}   95 % interval"]
    for name, row in found["measures"].items():
        around = "{:+.4f} to {:+.4f}".format(*row["difference_95"]) if row["difference_95"] else "too few rows"
        lines.append(f"{name:14}{row['before']:9.4f}{row['after']:9.4f}{row['difference']:+12.4f}   {around}")
    for each in found["gates"]:
        worst = f", at worst {each['worst']:+g}" if "worst" in each else ""
        lines.append(f"{'passed' if each['passed'] else 'FAILED':8}{each['gate']}: {each['found']}{worst}")
    return "\n".join([*lines, "promote" if found["promote"] else "do not promote"])


def _measure(rows: Rows) -> Callable[[Ints], dict[str, float]]:
    complexity, gain, fails = rows.complexity, rows.gain, rows.small_fails

    def measure(r: Ints) -> dict[str, float]:
        found = curve(gain[r], rows.small[r], rows.strong[r], rows.small_price)
        return {
            "auroc": auroc(complexity[r], fails[r]),
            "brier": brier(complexity[r], fails[r]),
            "ece": expected_calibration_error(complexity[r], fails[r]),
            "apgr": apgr(found),
            "cost_at_99": cost_for(found, 0.99),
            "cost_at_95": cost_for(found, 0.95),
        }

    return measure


def _verdicts(found: dict[str, Any], gates: Gates) -> list[dict[str, Any]]:
    worst_auroc = (found["auroc"]["difference_95"] or (float("-inf"),))[0]
    worst_cost = (found["cost_at_95"]["difference_95"] or (float("inf"),))[-1]
    return [
        gate(
            f"AUROC does not fall, or at worst by {gates.auroc_loss}",
            found["auroc"]["difference"],
            found["auroc"]["difference"] >= 0 or worst_auroc >= -gates.auroc_loss,
            worst_auroc,
        ),
        gate(
            f"ECE at most {gates.most_ece}, or no worse than before",
            found["ece"]["after"],
            found["ece"]["after"] <= max(gates.most_ece, found["ece"]["before"]),
        ),
        gate(
            f"cost at 95 % quality does not rise, or at worst by {gates.cost_rise}",
            found["cost_at_95"]["difference"],
            found["cost_at_95"]["difference"] <= 0 or worst_cost <= gates.cost_rise,
            worst_cost,
        ),
    ]


def gate(name: str, found: float, passed: bool, worst: float | None = None) -> dict[str, Any]:
    """A gate's verdict on a number; of a difference also ``worst``, the end of its interval that counts against it."""
    verdict = {"gate": name, "found": round(float(found), 4), "passed": bool(passed)}
    return verdict if worst is None else {**verdict, "worst": round(float(worst), 4)}
