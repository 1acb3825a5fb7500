"""Words of short texts that set a task: learned, served as they were learned, and crossed for what was learned from."""

import numpy as np
import pytest

from classifier.artifact import DEFAULT_PATH, Contents, load
from classifier.features import SETS_TASK, features
from classifier.text import read
from classifier.words import WordTable
from training.task_words import NO_TASK_WORDS, TaskWords, fit_task_words

THINGS = ("letter", "invoice", "lease", "poem", "ticket", "minutes", "table", "recipe", "contract", "mail")
TOLD = {
    **{f"Summarise the {thing} in one sentence.": True for thing in THINGS},
    **{f"Never mention the {thing}; be brief.": False for thing in THINGS},
}


@pytest.fixture(scope="module")
def learned() -> TaskWords:
    return fit_task_words(TOLD, {}, 0)


def test_words_and_pairs_that_tell_tasks_are_learned_and_rare_ones_are_not_kept(learned: TaskWords) -> None:
    weights = dict(zip(learned.terms, learned.weights.tolist(), strict=True))
    assert weights["summarise"] > 0 > weights["never mention"]
    assert "the letter" in weights  # in two messages
    assert "letter in" not in weights
    task, setting = learned.of([read("Summarise it."), read("Never do it.")])
    assert task > 0 > setting


def test_what_was_learned_from_is_scored_by_fits_that_have_not_seen_it(learned: TaskWords) -> None:
    texts = [*TOLD]
    crossed, own = learned.of_texts(texts), learned.of([read(text) for text in texts])
    assert ((crossed > 0) == [*TOLD.values()]).all()
    assert (crossed != own).all()
    new = ["Summarise the speech."]
    np.testing.assert_array_equal(learned.of_texts(new), learned.of([read(text) for text in new]))


def test_an_artifact_serves_what_was_learned(learned: TaskWords) -> None:
    contents = load(DEFAULT_PATH)[1]
    arrays = {
        **contents.arrays,
        "task_weights": learned.weights.astype(np.float32),
        "task_bias": np.array([learned.bias], dtype=np.float32),
    }
    table = WordTable(Contents(arrays, {**contents.words, "task_terms": learned.terms}))
    readings = [
        read(text) for text in (*TOLD, "Summarise, summarise: the lease and the lease.", "", "?!", "翻译这封信")
    ]
    served = [features(reading, table)[SETS_TASK] for reading in readings]
    np.testing.assert_allclose(served, learned.of(readings), atol=1e-4)


def test_a_text_that_holds_another_counts_as_that_and_lies_in_its_fold() -> None:
    alone = "Summarise the yoghurt in one sentence."
    copy = f"Be brief. {alone}"
    learned = fit_task_words({**TOLD, alone: True, copy: True}, {copy: alone}, 0)
    assert "yoghurt" not in learned.terms  # in one message
    assert "yoghurt" in fit_task_words({**TOLD, alone: True, copy: True}, {}, 0).terms


def test_what_was_learned_from_a_text_that_holds_another_does_not_score_that(learned: TaskWords) -> None:
    """Twenty texts and a copy of each, of the other sort: were they in other folds, copies would teach what their texts are."""
    copies = {f"Zounds. {text}": not is_task for text, is_task in TOLD.items()}
    told = TOLD | copies
    kin = {copy: copy.removeprefix("Zounds. ") for copy in copies}
    apart, together = (fit_task_words(told, alone, 0).of_texts([*TOLD]) for alone in ({}, kin))
    assert (apart != together).any()
    assert np.abs(together).mean() < np.abs(learned.of_texts([*TOLD])).mean()  # each word speaks for both sorts


def test_one_word_says_less_than_the_sentence_it_stands_in(learned: TaskWords) -> None:
    word, sentence = learned.of([read("Summarise"), read("Summarise the lease in one sentence.")])
    assert learned.bias < word < sentence


def test_before_an_artifact_is_fitted_nothing_is_said(learned: TaskWords) -> None:
    table = WordTable(Contents(load(DEFAULT_PATH)[1].arrays, {"words": load(DEFAULT_PATH)[1].words["words"]}))
    assert features(read("Summarise the lease."), table)[SETS_TASK] == 0
    assert fit_task_words({"Summarise it.": True}, {}, 0) is NO_TASK_WORDS
    assert NO_TASK_WORDS.of_texts(["Summarise it."]).tolist() == [0.0]
