"""What is material is learned: around what is set apart in a prompt, and of turns under instructions."""

from dataclasses import replace

import numpy as np
import pytest

from classifier.artifact import DEFAULT_PATH, load
from classifier.text import read
from classifier.words import WordTable
from training.apart import apart_of
from training.dense import dense_rows
from training.frames import FRAMES
from training.material import NO_ROW, Examples, Recipe, fit_material
from training.rows import EVERYDAY, FAMILY, RECORDED, TRAFFIC, Rows
from training.task_words import TaskWords

N = 40
REQUEST = "Who is away on Tuesday, and who stands in?"
WORDS = TaskWords(("away", "who", "who stands"), np.array([1.0, 0.5, -2.0]), 0.25, {})
MATERIAL = "name   day   for\nRosa   Mon   Tom\nTom    Tue   Ann\nAnn    Wed   Rosa\nMax    Tue   Rosa"


def examples() -> Examples:
    """Half material: the first feature of the text is high then, the second of what asks low, and words set a task."""
    rng = np.random.default_rng(0)
    is_material = np.repeat([True, False], N)
    dense, asked = (rng.normal(size=(2 * N, 3)).astype(np.float32) for _ in range(2))
    dense[:, 0] += np.where(is_material, 3, -3)
    asked[:, 1] += np.where(is_material, -3, 3)
    task = np.where(is_material, 1.0, -1.0) + rng.normal(size=2 * N)
    return Examples(dense, asked, task, is_material, np.where(is_material, "a", "b"), np.arange(2 * N))


def fitted(found: Examples, use: np.ndarray | None = None, **recipe: float) -> tuple[np.ndarray, np.ndarray]:
    everything = np.ones(2 * N, dtype=np.bool_)
    how = Recipe(**{"size_power": 0.5, "c": 0.01, **recipe})
    return fit_material(found, everything if use is None else use, np.zeros(3), np.ones(3), how, 0)


def test_material_is_told_by_both_texts_and_by_whether_a_task_is_set() -> None:
    found = examples()
    weights, (task, bias) = fitted(found)
    assert weights.shape == (2, 3)
    log_odds = found.dense @ weights[0] + found.asked @ weights[1] + task * found.task + bias
    np.testing.assert_array_equal(log_odds > 0, found.is_material)
    assert weights[0, 0] > 0 > weights[1, 1]
    assert task > 0


def test_only_rows_in_use_are_learned_from_and_what_is_no_row_is() -> None:
    found, nothing = examples(), np.zeros(2 * N, dtype=np.bool_)
    assert not fitted(found, nothing)[0].any()
    assert fitted(replace(found, row=np.full(2 * N, NO_ROW)), nothing)[0].any()


@pytest.mark.parametrize("side", [True, False])
def test_without_examples_of_both_sorts_nothing_is_ever_taken_for_material(side: bool) -> None:
    weights, (task, bias) = fitted(replace(examples(), is_material=np.full(2 * N, side)))
    assert not weights.any()
    assert task == 0 > bias


def test_a_source_of_many_examples_counts_less_for_each_of_them() -> None:
    """Twenty of one source and one of another disagree on a feature: alike as sources they cancel, as examples they do not."""
    source = np.array(["many"] * 20 + ["one"] + ["no"] * 21)
    dense = np.zeros((42, 1), dtype=np.float32)
    dense[:20], dense[20] = 1, -1
    found = Examples(dense, dense, np.zeros(42), np.arange(42) < 21, source, np.full(42, NO_ROW))
    alike, by_size = (
        fit_material(found, np.zeros(1, np.bool_), np.zeros(1), np.ones(1), Recipe(power, 1.0), 0)[0][0, 0]
        for power in (0.0, 1.0)
    )
    assert abs(alike) < 1e-3
    assert by_size > 0.1


def test_everyday_prompts_bring_material_and_recorded_ones_and_frames_do_not() -> None:
    table = WordTable(load(DEFAULT_PATH)[1])
    both = f"{REQUEST}\n\n{MATERIAL}"
    texts = (both, both, both, both, REQUEST)
    origin = np.array([EVERYDAY, RECORDED, TRAFFIC, FAMILY, RECORDED])
    nan = np.full(len(texts), np.nan)
    rows = Rows(texts, origin, origin, nan, nan, nan, np.full(len(texts), ""), nan, nan)
    whole = [read(text) for text in texts]
    apart = np.arange(4)
    found = apart_of(rows, whole, apart, dense_rows(whole[:4], table), (), table, WORDS, 0)
    n_framed = len(found.row) - 3  # a frame of one line need not stand apart
    assert found.row.tolist() == [0, 1, 2, *[4] * n_framed]
    assert found.is_material.tolist() == [True, False, False, *[False] * n_framed]
    assert found.task[:3].tolist() == WORDS.of([read(REQUEST)] * 3).tolist()
    np.testing.assert_array_equal(
        found.asked[0], dense_rows([read(REQUEST)._replace(n_apart_chars=len(both) - len(REQUEST))], table)[0]
    )
    assert not apart_of(rows, whole, apart, dense_rows(whole[:4], table), {4}, table, WORDS, 0).row[3:].any()


def test_every_frame_has_one_place_and_stands_apart_in_some_request() -> None:
    assert all(frame.count("{}") == 1 for frame in FRAMES)
    assert len(set(FRAMES)) == len(FRAMES)
    apart = [read(frame.replace("{}", f"{REQUEST} {REQUEST} {REQUEST}")).request is not None for frame in FRAMES]
    assert np.mean(apart) > 0.5
