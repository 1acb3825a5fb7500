"""Every row read once with the code that serves, ready to be fitted on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifier.artifact import Contents
from classifier.model import about_material
from classifier.request import MOST_CHARS
from classifier.text import Reading, read
from classifier.words import WordTable
from training.apart import apart_of
from training.data import Data, DataError, Ints
from training.dense import dense_rows
from training.familiarity import N_FOLDS
from training.instructed_data import in_company, load_instructed, load_system_messages
from training.labels import Labels
from training.material import Examples
from training.rows import (
    EVERYDAY,
    Rows,
    everyday_rows,
    family_rows,
    instructed_rows,
    join,
    recorded_rows,
    traffic_rows,
)
from training.task_words import TaskWords, fit_task_words
from training.turns import turns_of

WORD_TABLE = Path(__file__).parent / "word_table"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows as the judges see them, in the rows' order.

    Attributes:
        rows: the targets.
        readings: the prompts, read; of everyday ones that bring material along, the request alone, which may be their instructions.
        dense: hand features, rarity features and topic vector, float32; of such a request as :func:`classifier.model.about_material` has them.
        apart: prompts in which something is set apart, each with that.
        turns: human turns, each with its instructions.
        task_words: what words say of whether instructions set a task.
        fold: number of the cross-fitting fold; near-duplicates share one.
        word_contents: the word table, taken over into the artifact.
    """

    rows: Rows
    readings: tuple[Reading, ...]
    dense: npt.NDArray[np.float32]
    apart: Examples
    turns: Examples
    task_words: TaskWords
    fold: Ints
    word_contents: Contents


def load_word_table(directory: Path = WORD_TABLE) -> Contents:
    """The distilled word table kept with the training code.

    Raises:
        DataError: a file of it is missing.
    """
    try:
        arrays = {
            name: np.load(directory / f"{name}.npy")
            for name in ("word_vectors", "word_scale", "word_weight", "word_rarity")
        }
        words = tuple((directory / "words.txt").read_text(encoding="utf-8").split("\n"))
    except OSError as error:
        raise DataError(
            f"{directory}: word table incomplete ({error}); write it with `python -m training.distil`"
        ) from error
    return Contents(arrays, {"words": words})


def prepare(
    data: Data, labels: Labels, *, traffic: Path | None = None, everyday: bool = True, seed: int = 0
) -> Prepared:
    """Recorded prompts first, in the order of ``data``; then the judged ones.

    Args:
        data: recorded prompts.
        labels: tier means of ``data``.
        traffic: table of prompts without outcomes, of which some have been judged.
        everyday: also take the project's own prompts, the everyday ones and those by kind of task.
        seed: of the folds.
    """
    contents = load_word_table()
    table = WordTable(contents)
    parts = [recorded_rows(data, labels)]
    if everyday:
        parts += [everyday_rows(), family_rows()]
    if traffic is not None:
        parts.append(traffic_rows(traffic))
    instructed = load_instructed("train") if everyday else []
    messages = load_system_messages() if everyday else []
    messages += in_company(messages, seed)
    sets_task = {
        prompt.instructions: not prompt.asks for prompt in instructed if len(prompt.instructions) <= MOST_CHARS
    }
    sets_task |= {message.text: message.is_task for message in messages}
    alone = {message.text: message.alone for message in messages if message.alone is not None}
    task_words = fit_task_words(sets_task, alone, seed)
    known = [prompt for prompt in instructed if prompt.asks or len(prompt.instructions) <= MOST_CHARS]
    n_before = sum(map(len, parts))
    rows = join([*parts, instructed_rows(known)])
    told = {n_before + place: prompt.instructions for place, prompt in enumerate(known) if not prompt.asks}
    whole = [read(text) for text in rows.texts]
    apart = np.array(
        [row for row, reading in enumerate(whole) if reading.request is not None and row not in told], dtype=np.int64
    )
    readings = tuple(
        read(told[row])
        if row in told
        else reading.request
        if reading.request is not None and origin == EVERYDAY
        else reading
        for row, (reading, origin) in enumerate(zip(whole, rows.origin, strict=True))
    )
    dense, apart_dense = dense_rows(readings, table), dense_rows([whole[row] for row in apart], table)
    for row, all_of_it in zip(apart, apart_dense, strict=True):
        if readings[row] is not whole[row]:
            dense[row] = about_material(dense[row], all_of_it)
    for row, turn in zip(told, dense_rows([whole[row] for row in told], table), strict=True):
        dense[row] = about_material(dense[row], turn)
    return Prepared(
        rows,
        readings,
        dense,
        apart_of(rows, whole, apart, apart_dense, told, table, task_words, seed),
        turns_of(rows, dense, apart, instructed, messages, table, task_words, seed),
        task_words,
        _folds(data, len(rows), seed),
        contents,
    )


def _folds(data: Data, n_rows: int, seed: int) -> Ints:
    """A fold for each row; near-duplicates of the recorded prompts share one."""
    random = np.random.default_rng(seed)
    groups, group_of = np.unique(data.group, return_inverse=True)
    extra = random.integers(0, N_FOLDS, n_rows - len(data))
    return np.concatenate([random.integers(0, N_FOLDS, len(groups))[group_of], extra]).astype(np.int64)
