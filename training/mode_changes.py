"""What an artifact in the other's place would change for callers: who is sent to strong, what it costs, how good it is."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from router.core.policy import UNCERTIFIED, Thresholds
from router.core.types import MODES
from training.replay import Rows, cost_share, escalates

_SHOWN = (("strong_share", "to strong"), ("cost_share", "cost"), ("quality_share", "quality"))


def mode_changes(
    before: Rows, old: Mapping[str, Any] | None, after: Rows, new: Mapping[str, Any] | None
) -> dict[str, dict[str, dict[str, float]]]:
    """Each mode on the same prompts, ``before`` and ``after``; cost and quality are shares of always-strong's.

    Args:
        before, after: as judged by the artifact in use and by the candidate.
        old, new: ``thresholds`` of their manifests.
    """
    return {mode: {"before": _done(before, old, mode), "after": _done(after, new, mode)} for mode in MODES}


def changes_table(changes: Mapping[str, Any]) -> str:
    """The changes for a terminal."""
    lines = [f"{'mode':14}" + "".join(f"{title:>18}" for _, title in _SHOWN) + "   (before -> after, of always-strong)"]
    for mode, found in changes.items():
        pairs = (f"{found['before'][name]:.3f} -> {found['after'][name]:.3f}" for name, _ in _SHOWN)
        lines.append(f"{mode:14}" + "".join(f"{pair:>18}" for pair in pairs))
    return "\n".join(lines)


def _done(rows: Rows, thresholds: Mapping[str, Any] | None, mode: str) -> dict[str, float]:
    chosen = (thresholds or {}).get(mode)
    policy = Thresholds(**chosen) if chosen else UNCERTIFIED[mode]  # type: ignore[index]
    strong = escalates(rows.complexity, rows.gain, rows.novelty, policy)
    return {
        "strong_share": float(strong.mean()),
        "cost_share": cost_share(strong, None, rows.small_price),
        "quality_share": float(np.where(strong, rows.strong, rows.small).mean() / rows.strong.mean()),
    }
