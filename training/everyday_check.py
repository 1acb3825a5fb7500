"""The kept everyday prompts and requests with a system message through ``decide()``: what goes to small and to strong."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from classifier.assessment import Assessor
from router.core.policy import Thresholds
from router.core.prompt import Prompt, read_prompt
from training.everyday_data import LEVELS, load_everyday
from training.instructed_data import InstructedPrompt, load_instructed
from training.replay import routes

# From what judged success of the small model on a request is easy; up to which it is hard, where strong is better by so much.
EASY, HARD, WORTHWHILE = 0.86, 0.46, 0.15


def everyday_check(assessor: Assessor, thresholds: Mapping[str, Thresholds]) -> dict[str, Any]:
    """Share sent to strong by level and mode, and mean complexity and gain; no fit has seen these prompts."""
    kept = load_everyday("behaviour")
    by_level = {level: [p for p in kept if p.level == level] for level in LEVELS}
    return {
        level: _sent(
            [
                read_prompt({"messages": list(p.messages), **({"tools": list(p.tools)} if p.tools else {})})
                for p in mine
            ],
            assessor,
            thresholds,
        )
        for level, mine in by_level.items()
        if mine
    }


def instructed_check(assessor: Assessor, thresholds: Mapping[str, Thresholds]) -> dict[str, Any]:
    """The same of easy and hard requests with a system message, by where the task stands; no fit has seen these either."""
    kept = load_instructed("held-out")
    return {
        f"{level}, {where}": _sent([_asked(p) for p in kept if is_level(p) and p.asks == asks], assessor, thresholds)
        for where, asks in (("the turn asks", True), ("the system message does", False))
        for level, is_level in (("easy", _is_easy), ("hard", _is_hard))
    }


def _asked(prompt: InstructedPrompt) -> Prompt:
    system, turn = ({"role": "system", "content": prompt.instructions}, {"role": "user", "content": prompt.prompt})
    return read_prompt({"messages": [system, turn]})


def _is_easy(prompt: InstructedPrompt) -> bool:
    return prompt.p_small >= EASY


def _is_hard(prompt: InstructedPrompt) -> bool:
    return prompt.p_small <= HARD and prompt.p_strong - prompt.p_small >= WORTHWHILE


def _sent(prompts: Sequence[Prompt], assessor: Assessor, thresholds: Mapping[str, Thresholds]) -> dict[str, Any]:
    """Mean complexity and gain of prompts, and the share that each mode sends to strong."""
    judged = [assessor.assess(prompt.text, prompt.context, prompt.instructions) for prompt in prompts]
    return {
        "n": len(prompts),
        "mean_complexity": float(np.mean([a.complexity for a in judged])),
        "mean_gain": float(np.mean([a.gain for a in judged])),
        **{f"strong_in_{mode}": float(routes(prompts, judged, limits).mean()) for mode, limits in thresholds.items()},
    }
