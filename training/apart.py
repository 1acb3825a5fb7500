"""Prompts in which something is set apart: what everyday prompts bring along, problems with their statements, and framed requests.

Everyday prompts of that form bring material along; recorded ones and other traffic are problems with their statements, and what
stands apart in a framed request is the frame. Prompts by kind are of every sort, and say nothing.
"""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from classifier.text import Reading, read
from classifier.words import WordTable
from training.data import Ints
from training.dense import dense_rows
from training.frames import FRAMES
from training.material import Examples
from training.rows import EVERYDAY, FAMILY, Rows
from training.task_words import TaskWords

# Prompts of an origin that are put into frames, into how many each, and how long they are in characters: nothing stands apart in shorter ones.
_MOST_FRAMED = 3_000
_FRAMES_EACH = 3
_FRAMED_CHARS = range(30, 2_501)


def apart_of(
    rows: Rows,
    whole: Sequence[Reading],
    apart: Ints,
    apart_dense: npt.NDArray[np.float32],
    told: Collection[int],
    table: WordTable,
    task_words: TaskWords,
    seed: int,
) -> Examples:
    """Examples of both sorts, each with what stands apart in it.

    Args:
        rows: all prompts.
        whole: each of them, read.
        apart: rows of prompts in which something is set apart.
        apart_dense: their dense features as a whole.
        told: rows of turns of material alone, which are not put into frames.
        table: the words.
        task_words: what they say of whether a task is set.
        seed: of the choice of prompts, and of their frames.
    """
    said = rows.origin[apart] != FAMILY
    framed_rows, framed = _framed(rows, whole, told, seed)
    asked = [
        request for each in (*(whole[row] for row in apart[said]), *framed) if (request := each.request) is not None
    ]
    return Examples(
        dense=np.concatenate([apart_dense[said], dense_rows(framed, table)]),
        asked=dense_rows(asked, table),
        task=task_words.of(asked),
        is_material=np.concatenate([rows.origin[apart[said]] == EVERYDAY, np.zeros(len(framed), np.bool_)]),
        source=np.concatenate(
            [np.char.add(rows.origin[apart[said]], rows.source[apart[said]]), np.full(len(framed), "framed")]
        ),
        row=np.concatenate([apart[said], framed_rows]),
    )


def _framed(rows: Rows, whole: Sequence[Reading], told: Collection[int], seed: int) -> tuple[Ints, list[Reading]]:
    """Requests in frames of which a part then stands apart, and their rows."""
    random = np.random.default_rng(seed)
    found: list[tuple[int, Reading]] = []
    for origin in np.unique(rows.origin[rows.origin != FAMILY]):
        here = [
            row
            for row in np.flatnonzero(rows.origin == origin).tolist()
            if whole[row].request is None and len(rows.texts[row]) in _FRAMED_CHARS and row not in told
        ]
        for row in np.sort(random.permutation(here)[:_MOST_FRAMED]).tolist():
            for frame in random.choice(len(FRAMES), _FRAMES_EACH, replace=False).tolist():
                found.append((row, read(FRAMES[frame].replace("{}", rows.texts[row]))))
    kept = [(row, reading) for row, reading in found if reading.request is not None]
    return np.array([row for row, _ in kept], dtype=np.int64), [reading for _, reading in kept]
