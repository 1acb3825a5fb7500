"""Human turns under instructions: those that bring only material, and those that ask."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from classifier.request import MOST_CHARS, request_of
from classifier.text import read
from classifier.words import WordTable
from training.data import Bools, Ints, Strings
from training.dense import dense_rows
from training.instructed_data import InstructedPrompt, SystemMessage
from training.material import NO_ROW, Examples, joined
from training.rows import EVERYDAY, FAMILY, Rows
from training.task_words import TaskWords

# Prompts of an origin that are shown as turns that ask.
_MOST_ASKING = 3_000
_LEAST_MATERIAL_CHARS = 40
# Turns of material that are shown under each system message which sets a task.
_TURNS_UNDER_A_TASK = 4


def turns_of(
    rows: Rows,
    dense: npt.NDArray[np.float32],
    apart: Ints,
    instructed: Sequence[InstructedPrompt],
    messages: Sequence[SystemMessage],
    table: WordTable,
    task_words: TaskWords,
    seed: int,
) -> Examples:
    """Judged requests with short instructions, what everyday prompts bring beside a request set apart, and prompts that ask.

    Both sorts of material come once more under system messages that set a task, and half of the prompts that ask under some
    that set none.

    Args:
        rows: all prompts.
        dense: their dense features.
        apart: rows of prompts in which a request is set apart.
        instructed: requests with a system message.
        messages: short system messages by themselves.
        table: the words.
        task_words: what they say of whether a task is set.
        seed: of the choice of prompts that ask, of instructions for them, and of material for tasks.
    """
    random = np.random.default_rng(seed)

    def shown(
        turns: npt.NDArray[np.float32], asked: Sequence[str], is_material: Bools, source: Strings, row: Ints
    ) -> Examples:
        told = dense_rows([read(text) for text in asked], table)
        return Examples(turns, told, task_words.of_texts(asked), is_material, source, row)

    short = [prompt for prompt in instructed if len(prompt.instructions) <= MOST_CHARS]
    asks = np.array([prompt.asks for prompt in short], dtype=np.bool_)
    judged = shown(
        dense_rows([read(prompt.prompt) for prompt in short], table),
        [prompt.instructions for prompt in short],
        ~asks,
        np.full(len(short), "instructed"),
        np.full(len(short), NO_ROW),
    )
    everyday = [(int(row), *_apart(rows.texts[row])) for row in apart if rows.origin[row] == EVERYDAY]
    beside = [each for each in everyday if len(each[2]) >= _LEAST_MATERIAL_CHARS]
    brought = shown(
        dense_rows([read(material) for _, _, material in beside], table),
        [request for _, request, _ in beside],
        np.ones(len(beside), np.bool_),
        np.full(len(beside), "brought"),
        np.array([row for row, _, _ in beside], dtype=np.int64),
    )
    tasks = [message.text for message in messages if message.is_task for _ in range(_TURNS_UNDER_A_TASK)]
    material = joined([judged, brought])
    drawn = random.choice(np.flatnonzero(material.is_material), len(tasks)) if tasks else np.zeros(0, dtype=np.intp)
    under_tasks = shown(
        material.dense[drawn], tasks, np.ones(len(tasks), np.bool_), np.full(len(tasks), "task"), material.row[drawn]
    )
    roles = [prompt.instructions for prompt in short if prompt.asks]
    settings = [message.text for message in messages if not message.is_task]
    asking = _asking(rows, seed) if roles else np.zeros(0, dtype=np.int64)
    under = [
        texts[int(random.integers(len(texts)))]
        for texts in (settings if settings and random.random() < 0.5 else roles for _ in asking)
    ]
    return joined(
        [
            judged,
            brought,
            under_tasks,
            shown(dense[asking], under, np.zeros(len(asking), np.bool_), rows.origin[asking], asking),
        ]
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
