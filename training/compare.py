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
    """What a candidate must hold against the artifact in use: no worse, or hardly; see :func:`is_hardly_worse`.

    Attributes:
        auroc_loss: AUROC it may lose.
        ece_rise: expected calibration error it may add.
        most_ece: what it may have whatever it adds.
        cost_rise: cost at 95 % quality it may add.
        control_slack: AUROC above chance that a fit on shuffled labels may reach.
    """

    auroc_loss: float = 0.01
    ece_rise: float = 0.01
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
    def hardly_worse(measure: str, slack: float, sign: int = 1) -> tuple[float, bool, float]:
        row = found[measure]
        ends = sorted(sign * end for end in row["difference_95"]) if row["difference_95"] else None
        worst = sign * ends[1] if ends else sign * float("inf")
        return row["difference"], is_hardly_worse(sign * row["difference"], ends, slack), worst

    ece, ece_passed, worst_ece = hardly_worse("ece", gates.ece_rise)
    return [
        gate(
            f"AUROC does not fall, or within noise by at most {gates.auroc_loss}",
            *hardly_worse("auroc", gates.auroc_loss, -1),
        ),
        gate(
            f"ECE does not rise, or within noise by at most {gates.ece_rise}, or is at most {gates.most_ece}",
            ece,
            ece_passed or found["ece"]["after"] <= gates.most_ece,
            worst_ece,
        ),
        gate(
            f"cost at 95 % quality does not rise, or within noise by at most {gates.cost_rise}",
            *hardly_worse("cost_at_95", gates.cost_rise),
        ),
    ]


def is_hardly_worse(loss: float, ends: Sequence[float] | None, slack: float) -> bool:
    """Whether what was lost is nothing, surely within the slack, or within it and within noise.

    Held-back requests are some hundreds: their intervals are wider than any slack that one would grant, and a gate that
    asked for certainty would pass and refuse equals by the toss of a coin.

    Args:
        loss: positive where the candidate is worse.
        ends: of its paired 95 % interval, the good end first; None where there are too few rows.
    """
    if loss <= 0:
        return True
    return ends is not None and (ends[1] <= slack or (loss <= slack and ends[0] <= 0))


def gate(name: str, found: float, passed: bool, worst: float | None = None) -> dict[str, Any]:
    """A gate's verdict on a number; of a difference also ``worst``, the end of its interval that counts against it."""
    verdict = {"gate": name, "found": round(float(found), 4), "passed": bool(passed)}
    return verdict if worst is None else {**verdict, "worst": round(float(worst), 4)}
