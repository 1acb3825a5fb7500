from pathlib import Path

import pytest

from classifier import artifact
from classifier.artifact import Contents
from training import transfer
from training.data import Data, load
from training.labels import Labels, label
from training.prepared import Prepared, prepare
from training.transfer import Refits, adapting, left_out


@pytest.fixture(scope="module")
def data(tables: Path) -> Data:
    return load(tables)


@pytest.fixture(scope="module")
def prepared(data: Data) -> Prepared:
    return prepare(data, label(data), everyday=False)


class Fits:
    """Counts the fits that are asked for; each gives the shipped model."""

    def __init__(self) -> None:
        self.without: list[str] = []
        self.fails_at: str | None = None
        self._contents = artifact.load(artifact.DEFAULT_PATH)[1]

    def __call__(self, source: str, *_rest: object) -> Contents:
        if source == self.fails_at:
            raise KeyboardInterrupt
        self.without.append(source)
        return self._contents


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> Fits:
    found = Fits()
    monkeypatch.setattr(transfer, "fit_without", found)
    monkeypatch.setattr("training.bootstrap.N_RESAMPLES", 20)
    return found


def refits(data: Data, prepared: Prepared, keep: Path, inputs: str = "same") -> Refits:
    labels: Labels = label(data)
    return Refits(data, labels, prepared, 0, keep, inputs)


def test_leaving_out_and_adapting_share_one_fit_a_source(
    data: Data, prepared: Prepared, fits: Fits, tmp_path: Path
) -> None:
    made = refits(data, prepared, tmp_path)
    outside, adapted = left_out(made, iter), adapting(made)
    assert fits.without == ["one", "three", "two"]
    assert set(outside["sources"]) == {"one", "two", "three"}
    assert len(adapted) == 2
    assert [point["rows"] for points in adapted.values() for point in points] == [0, 100, 0, 100]


def test_an_interrupted_round_keeps_what_was_fitted_and_ends_alike(
    data: Data, prepared: Prepared, fits: Fits, tmp_path: Path
) -> None:
    whole = left_out(refits(data, prepared, tmp_path / "whole"), iter)
    fits.without.clear()
    fits.fails_at = "two"
    with pytest.raises(KeyboardInterrupt):
        left_out(refits(data, prepared, tmp_path / "part"), iter)
    fits.fails_at = None
    assert left_out(refits(data, prepared, tmp_path / "part"), iter) == whole
    assert fits.without == ["one", "three", "two"]


def test_results_of_other_inputs_are_made_anew(data: Data, prepared: Prepared, fits: Fits, tmp_path: Path) -> None:
    for inputs in ("before", "after"):
        refits(data, prepared, tmp_path, inputs).of("one")
    assert fits.without == ["one", "one"]
