"""How well a new model is placed from a few outcomes: recorded models play the new one."""

from typing import Any

import numpy as np

from training.add_model import LEAST_OUTCOMES, learn
from training.data import Data
from training.metrics import auroc
from training.recorded_models import Outcomes
from training.replay import Rows

PROBES = (20, 50, 100, 300)
PROBED_MODELS = 24
_LEAST_ASKED = 200


def new_models(data: Data, known: Rows, asked: Rows, seed: int) -> dict[str, Any]:
    """How well success is ranked for models placed from a few outcomes, by number of outcomes.

    Args:
        data: whose outcomes are used.
        known: judged prompts whose outcomes may be learned from.
        asked: judged prompts to predict.
        seed: of the draw of models and of probes.

    Returns:
        By number of outcomes, the mean over models of the AUROC of success and of the error of its mean.
    """
    outcomes = Outcomes(data)
    able = [
        model
        for model in range(len(data.models))
        if len(outcomes.of(model, known.index)[0]) >= max(PROBES)
        and len(outcomes.of(model, asked.index)[0]) >= _LEAST_ASKED
    ]
    random = np.random.default_rng(seed)
    drawn = sorted(random.permutation(able)[:PROBED_MODELS].tolist())
    found: dict[str, list[tuple[float, float]]] = {}
    for model in drawn:
        mine, theirs = outcomes.of(model, known.index), outcomes.of(model, asked.index)
        order = random.permutation(len(mine[0]))
        for size in (*PROBES, len(order)):
            use = order[:size]
            if size < LEAST_OUTCOMES:
                continue
            ability = learn(str(model), [known.assessments[mine[0][row]] for row in use], mine[1][use]).ability
            success = ability.success([asked.assessments[row] for row in theirs[0]])
            name = str(size) if size in PROBES else "all"
            found.setdefault(name, []).append(
                (auroc(success, theirs[1] >= 0.5), abs(float(success.mean() - theirs[1].mean())))
            )
    return {
        name: {
            "models": len(pairs),
            "auroc": float(np.mean([a for a, _ in pairs])),
            "level_error": float(np.mean([e for _, e in pairs])),
        }
        for name, pairs in found.items()
    }
