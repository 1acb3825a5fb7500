"""Human turns under instructions: those that bring only material, and those that ask."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from classifier.request import MOST_CHARS, request_of
from classifier.text import read
from classifier.words import WordTable
from training.data import Ints
from training.dense import dense_rows
from training.frames import SETTINGS
from training.instructed_data import InstructedPrompt
from training.material import NO_ROW, Examples
from training.rows import EVERYDAY, FAMILY, Rows

# Prompts of an origin that are shown as turns that ask.
_MOST_ASKING = 3_000
_LEAST_MATERIAL_CHARS = 40


def turns_of(
    rows: Rows,
    dense: npt.NDArray[np.float32],
    apart: Ints,
    instructed: Sequence[InstructedPrompt],
    table: WordTable,
    seed: int,
) -> Examples:
    """Judged requests with short instructions, what everyday prompts bring beside a request set apart, and prompts that ask.

    Args:
        rows: all prompts.
        dense: their dense features.
        apart: rows of prompts in which a request is set apart.
        instructed: requests with a system message.
        table: the words.
        seed: of the choice of prompts that ask, and of their instructions.
    """
    judged = [prompt for prompt in instructed if len(prompt.instructions) <= MOST_CHARS]
    told = dense_rows([read(prompt.instructions) for prompt in judged], table)
    asks = np.array([prompt.asks for prompt in judged], dtype=np.bool_)
    brought = [
        (int(row), request, material)
        for row in apart
        if rows.origin[row] == EVERYDAY
        for request, material in [_apart(rows.texts[row])]
        if len(material) >= _LEAST_MATERIAL_CHARS
    ]
    asking = _asking(rows, seed) if asks.any() else np.zeros(0, dtype=np.int64)
    random = np.random.default_rng(seed)
    # half under what turns that ask stood under, half under what sets no task
    settings = dense_rows([read(text) for text in SETTINGS], table)
    roles = told[asks][random.integers(0, max(asks.sum(), 1), len(asking))]
    under = np.where(
        random.random(len(asking))[:, None] < 0.5, roles, settings[random.integers(0, len(settings), len(asking))]
    )
    return Examples(
        dense=np.concatenate(
            [
                dense_rows([read(prompt.prompt) for prompt in judged], table),
                dense_rows([read(material) for _, _, material in brought], table),
                dense[asking],
            ]
        ),
        asked=np.concatenate([told, dense_rows([read(request) for _, request, _ in brought], table), under]),
        is_material=np.concatenate([~asks, np.ones(len(brought), np.bool_), np.zeros(len(asking), np.bool_)]),
        source=np.concatenate(
            [np.full(len(judged), "instructed"), np.full(len(brought), "brought"), rows.origin[asking]]
        ),
        row=np.concatenate(
            [np.full(len(judged), NO_ROW), np.array([row for row, _, _ in brought], dtype=np.int64), asking]
        ),
    )


def _apart(text: str) -> tuple[str, str]:
    """The request that is set apart in a text, and the rest of it."""
    request = request_of(text)
    material = text
    for line in request.split("\n"):
        material = material.replace(line, "", 1)
    return request, material.strip()


def _asking(rows: Rows, seed: int) -> Ints:
    """Rows of prompts that ask, of every origin but prompts by kind, which are of every sort."""
    random = np.random.default_rng(seed)
    found = []
    for origin in np.unique(rows.origin[rows.origin != FAMILY]):
        here = np.flatnonzero(rows.origin == origin)
        found.append(random.choice(here, min(len(here), _MOST_ASKING), replace=False))
    return np.sort(np.concatenate(found)).astype(np.int64)
