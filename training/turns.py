"""Human turns under instructions: those that bring only material, and those that ask."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.request import MOST_CHARS, request_of
from classifier.text import read
from classifier.words import WordTable
from training.data import Bools, Ints, Strings
from training.dense import dense_rows
from training.instructed_data import InstructedPrompt
from training.rows import EVERYDAY, FAMILY, Rows

# Prompts of an origin that are shown as turns that ask, each under instructions that turns which asked had.
_MOST_ASKING = 3_000
_LEAST_MATERIAL_CHARS = 40
# The row of a turn that is no row's prompt.
NO_ROW = -1


@dataclass(frozen=True, slots=True)
class Turns:
    """Turns and the instructions they stood under, in the same order.

    Attributes:
        dense: dense features of each turn, float32.
        instructions: those of its instructions.
        is_material: whether it asks nothing.
        source: where it comes from.
        row: the row whose prompt it is, or is a part of; ``NO_ROW`` where it is a request of its own.
    """

    dense: npt.NDArray[np.float32]
    instructions: npt.NDArray[np.float32]
    is_material: Bools
    source: Strings
    row: Ints


def turns_of(
    rows: Rows,
    dense: npt.NDArray[np.float32],
    apart: Ints,
    instructed: Sequence[InstructedPrompt],
    table: WordTable,
    seed: int,
) -> Turns:
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
    under = np.random.default_rng(seed).integers(0, max(asks.sum(), 1), len(asking))
    return Turns(
        dense=np.concatenate(
            [
                dense_rows([read(prompt.prompt) for prompt in judged], table),
                dense_rows([read(material) for _, _, material in brought], table),
                dense[asking],
            ]
        ),
        instructions=np.concatenate(
            [told, dense_rows([read(request) for _, request, _ in brought], table), told[asks][under]]
        ),
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
