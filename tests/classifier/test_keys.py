import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.artifact import DEFAULT_PATH, load
from classifier.keys import Places, pair_keys, text_keys, word_keys
from classifier.text import MOST_SPACED_CHARS, VIEW_CHARS, read

words = st.text(st.characters(exclude_categories=["Zs", "Zl", "Zp", "Cc", "Cs"]), min_size=1, max_size=12)


@given(st.lists(words, max_size=8), words, st.lists(words, max_size=8))
def test_a_word_has_the_same_key_wherever_it_stands(before: list[str], word: str, after: list[str]) -> None:
    alone = word_keys(word)
    among = word_keys("  ".join([*before, word, *after]))
    assert among.keys[len(before)] == alone.keys[0]
    assert among.lengths[len(before)] == len(word)


@given(st.lists(words, max_size=20))
def test_words_are_counted_with_their_characters_and_those_beyond_ascii(some: list[str]) -> None:
    found = word_keys(" ".join(some))
    assert found.lengths.tolist() == [*map(len, some)]
    assert found.n_chars == sum(map(len, some))
    assert found.n_foreign == sum(not word.isascii() for word in some)


def test_all_words_and_pairs_of_the_shipped_table_have_keys_of_their_own() -> None:
    _, contents = load(DEFAULT_PATH)
    texts = sorted({*contents.words["words"], *contents.words["terms"]})
    assert len(np.unique(text_keys(texts))) == len(texts)


def test_a_pair_has_the_key_of_its_words_in_order() -> None:
    (first, second), (pair, turned) = text_keys(["such", "that"]), text_keys(["such that", "that such"])
    assert pair == pair_keys(np.array([first]), np.array([second]))
    assert pair != turned


def test_what_is_neither_a_word_nor_a_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="neither"):
        text_keys(["one", "one two three"])


@given(st.sets(st.integers(1, 2**64 - 1), max_size=400), st.sets(st.integers(1, 2**64 - 1), max_size=100))
def test_each_key_is_found_at_its_place_and_others_one_beyond_the_last(known: set[int], others: set[int]) -> None:
    keys, unknown = (np.array(sorted(some), dtype=np.uint64) for some in (known, others - known))
    places = Places(keys)
    found, is_unknown = places.find(keys)
    assert found.tolist() == [*range(len(keys))]
    assert not is_unknown.any()
    found, is_unknown = places.find(unknown)
    assert found.tolist() == [len(keys)] * len(unknown)
    assert is_unknown.all()


def test_a_key_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        Places(np.array([5, 7, 5], dtype=np.uint64))


@pytest.mark.parametrize("piece", ["\u8a3c", "\u8a3c0", "\u0130", "\u01300", "a0", "\u8a3c\u0e53", "a\u8a3c"])
def test_there_are_keys_for_the_most_characters_that_words_can_have(piece: str) -> None:
    reading = read(piece * VIEW_CHARS)
    assert len(reading.spaced) <= MOST_SPACED_CHARS
    assert len(word_keys(reading.spaced).keys) == len(reading.words)
