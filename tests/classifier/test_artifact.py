import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from classifier import ArtifactError, Classifier
from classifier.artifact import DEFAULT_PATH, MANIFEST, load, save


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_PATH, tmp_path / "copy"))


def test_what_is_saved_loads_the_same_and_its_bytes_repeat(copy: Path, tmp_path: Path) -> None:
    manifest, contents = load(copy)
    again = save(tmp_path / "again", contents, manifest, "card")
    assert again == manifest
    assert (tmp_path / "again" / MANIFEST).read_bytes() == (copy / MANIFEST).read_bytes()


def test_a_directory_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"manifest\.json: cannot be read"):
        Classifier.load(tmp_path)


def test_a_changed_array_is_refused_by_name(copy: Path) -> None:
    array = copy / "linear_bias.npy"
    array.write_bytes(array.read_bytes()[:-1] + b"\x00\x01")
    with pytest.raises(ArtifactError, match=r"linear_bias\.npy: SHA-256"):
        Classifier.load(copy)


def test_a_missing_array_is_refused_by_name(copy: Path) -> None:
    (copy / "linear_bias.npy").unlink()
    with pytest.raises(ArtifactError, match=r"linear_bias\.npy: listed in the manifest"):
        Classifier.load(copy)


def test_another_format_is_refused_with_both_numbers(copy: Path) -> None:
    raw = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps({**raw, "format": 99}))
    with pytest.raises(ArtifactError, match="format is 99"):
        Classifier.load(copy)


def test_other_features_are_refused_by_name(copy: Path) -> None:
    raw = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps({**raw, "features": [*raw["features"], "phase of the moon"]}))
    with pytest.raises(ArtifactError, match="phase of the moon"):
        Classifier.load(copy)


def test_an_array_of_the_wrong_shape_is_refused(copy: Path, tmp_path: Path) -> None:
    manifest, contents = load(copy)
    arrays = {**contents.arrays, "linear_bias": np.zeros(3, dtype=np.float32)}
    save(tmp_path / "wrong", type(contents)(arrays, contents.words), manifest, "card")
    with pytest.raises(ArtifactError, match="shape"):
        Classifier.load(tmp_path / "wrong")


@pytest.mark.parametrize("word", ["", "the"])
def test_a_word_list_with_an_empty_or_a_repeated_word_is_refused(copy: Path, tmp_path: Path, word: str) -> None:
    manifest, contents = load(copy)
    words = (*contents.words["words"][:-1], word)
    save(tmp_path / "wrong", type(contents)(contents.arrays, {**contents.words, "words": words}), manifest, "card")
    with pytest.raises(ArtifactError, match=r"words\.txt"):
        Classifier.load(tmp_path / "wrong")


def test_a_tree_that_asks_for_a_feature_that_is_not_there_is_refused(copy: Path, tmp_path: Path) -> None:
    manifest, contents = load(copy)
    arrays = {**contents.arrays, "tree_feature": contents.arrays["tree_feature"] + np.int16(500)}
    save(tmp_path / "wrong", type(contents)(arrays, contents.words), manifest, "card")
    with pytest.raises(ArtifactError, match=r"tree_feature\.npy"):
        Classifier.load(tmp_path / "wrong")


def test_an_artifact_with_pickled_objects_is_refused(copy: Path) -> None:
    np.save(copy / "linear_bias.npy", np.array([{}], dtype=object), allow_pickle=True)
    raw = json.loads((copy / MANIFEST).read_text())
    import hashlib

    raw["files"]["linear_bias.npy"] = hashlib.sha256((copy / "linear_bias.npy").read_bytes()).hexdigest()
    (copy / MANIFEST).write_text(json.dumps(raw))
    with pytest.raises(ArtifactError, match="not a plain array"):
        Classifier.load(copy)


def test_the_shipped_artifact_is_small() -> None:
    assert sum(file.stat().st_size for file in DEFAULT_PATH.iterdir()) <= 12_000_000
