"""The kept half of the everyday prompts through ``decide()``: what goes to small and to strong, by level."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from classifier.assessment import Assessor
from router.core.policy import Thresholds
from router.core.prompt import read_prompt
from training.everyday_data import LEVELS, load_everyday
from training.replay import routes


def everyday_check(assessor: Assessor, thresholds: Mapping[str, Thresholds]) -> dict[str, Any]:
    """Share sent to strong by level and mode, and mean complexity and gain; no fit has seen these prompts."""
    kept = load_everyday("behaviour")
    found: dict[str, Any] = {}
    for level in LEVELS:
        mine = [prompt for prompt in kept if prompt.level == level]
        if not mine:
            continue
        asked = [
            read_prompt({"messages": list(p.messages), **({"tools": list(p.tools)} if p.tools else {})}) for p in mine
        ]
        judged = [assessor.assess(prompt.text, prompt.context) for prompt in asked]
        found[level] = {
            "n": len(mine),
            "mean_complexity": float(np.mean([a.complexity for a in judged])),
            "mean_gain": float(np.mean([a.gain for a in judged])),
            **{f"strong_in_{mode}": float(routes(asked, judged, limits).mean()) for mode, limits in thresholds.items()},
        }
    return found
