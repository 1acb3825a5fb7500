import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import Classifier
from classifier.artifact import DEFAULT_PATH, Contents, load, save
from classifier.features import dense_features
from classifier.model import Model
from classifier.text import read
from classifier.words import WordTable
from training.terms import pairs, term_values

# Repeated and unknown words, known pairs at both ends, and more words than pairs are looked up of.
PROSE = (
    "How many of the following are true? The set of all integers. " + "Find the zzyzx of the set. " * 40 + "I am not"
)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


@given(st.text(alphabet=st.characters(codec=None), max_size=400), st.text(max_size=50))
@settings(max_examples=200, deadline=None)
def test_there_is_one_finite_number_for_each_name_whatever_the_prompt(
    classifier: Classifier, text: str, context: str
) -> None:
    features = classifier.assess(text, context).features
    assert features is not None
    assert features.shape == (len(classifier.feature_names),)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_each_name_is_used_once(classifier: Classifier) -> None:
    assert len(set(classifier.feature_names)) == len(classifier.feature_names)


@pytest.mark.parametrize(
    "text", ["", "Why is the sky blue?", "Pick:\nA) 1\nB) 2\nC) 3", "今天天气怎么样", "x y 12z " * 4000, PROSE]
)
def test_the_features_are_what_training_computes(classifier: Classifier, text: str) -> None:
    _, contents = load(DEFAULT_PATH)
    reading = read(text)
    index_of = {term: index for index, term in enumerate(contents.words["terms"])}
    terms, values = term_values(reading, index_of, contents.arrays["term_idf"].astype(np.float32))
    features = classifier.assess(text).features
    assert features is not None
    by_name = dict(zip(classifier.feature_names, features.tolist(), strict=True))
    before_fitting = WordTable(Contents(contents.arrays, {"words": contents.words["words"]}))
    dense = dense_features(reading, before_fitting)
    assert list(by_name.values())[: len(dense)] == dense.tolist()
    scores = values @ contents.arrays["term_weights"][terms].astype(np.float32) + contents.arrays["term_bias"]
    assert [by_name["familiar words"], by_name["familiar words' gain"]] == pytest.approx(scores.tolist(), rel=1e-4)
    assert by_name["options"] == reading.n_options
    for name, found in (("known words, share", reading.words), ("known pairs, share", pairs(reading.words))):
        assert by_name[name] == pytest.approx(sum(term in index_of for term in found) / max(len(found), 1))


@pytest.mark.parametrize(
    ("text", "name", "times"),
    [
        ("Find all n such that n is prime, and such that n is odd.", "find all or such that", 3),
        ("Such primes that are odd", "find all or such that", 0),  # the words of a pair, but not next to each other
        ("How many? HOW  MANY? how\nmuch?", "how many or how much", 3),
        ("Prove the lemma. Then prove the theorem.", "proof and theory", 4),
        ("- ```x``` and ```y```", "code fences", 4),
        ("a `b` c", "code fences", 0),
    ],
)
def test_words_pairs_and_signs_count_as_often_as_they_occur(
    classifier: Classifier, text: str, name: str, times: int
) -> None:
    features = classifier.assess(text).features
    assert features is not None
    assert features[classifier.feature_names.index(name)] == pytest.approx(np.log1p(times))


def test_the_features_cannot_be_written_to(classifier: Classifier) -> None:
    features = classifier.assess("Why is the sky blue?").features
    assert features is not None
    with pytest.raises(ValueError, match="read-only"):
        features[0] = 0


def test_a_model_gives_the_features_by_themselves(classifier: Classifier) -> None:
    _, contents = load(DEFAULT_PATH)
    features = Model(contents).features(read("Prove that 2 is prime."))
    assert features.tolist() == classifier.assess("Prove that 2 is prime.").features.tolist()


def changed(path: Path, contents: Contents, array: str) -> Classifier:
    """The default artifact with one array doubled."""
    manifest, _ = load(DEFAULT_PATH)
    arrays = {**contents.arrays, array: contents.arrays[array] * 2}
    shutil.rmtree(path, ignore_errors=True)
    save(path, Contents(arrays, contents.words), manifest, "card")
    return Classifier.load(path)


def test_artifacts_share_an_id_of_features_only_if_their_word_tables_agree(
    classifier: Classifier, tmp_path: Path
) -> None:
    _, contents = load(DEFAULT_PATH)
    for fitted_on_features in ("linear_weights", "tree_value", "dense_mean"):
        assert changed(tmp_path / "a", contents, fitted_on_features).features_id == classifier.features_id
    for table in ("word_scale", "word_rarity", "term_idf", "term_weights", "term_bias"):
        assert changed(tmp_path / "a", contents, table).features_id != classifier.features_id
