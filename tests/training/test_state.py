from pathlib import Path

import pytest

from training.state import State, plain, read_json, write_json, write_text


def test_a_step_is_done_only_with_the_same_inputs_and_untouched_outputs(tmp_path: Path) -> None:
    write_text(tmp_path / "made.txt", "one")
    State(tmp_path).finish("fit", {"seed": 0}, [tmp_path / "made.txt"])
    assert State(tmp_path).is_done("fit", {"seed": 0})
    assert not State(tmp_path).is_done("fit", {"seed": 1})
    assert not State(tmp_path).is_done("load", {"seed": 0})
    write_text(tmp_path / "made.txt", "two")
    assert not State(tmp_path).is_done("fit", {"seed": 0})


def test_a_damaged_state_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    assert not State(tmp_path).is_done("fit", {})


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept.json"
    write_json(path, {"a": 1})

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.state.os.replace", cut_off)
    with pytest.raises(KeyboardInterrupt):
        write_json(path, {"a": 2})
    assert read_json(path) == {"a": 1}


def test_what_json_cannot_hold_becomes_none() -> None:
    assert plain({"a": float("nan"), 1: (2, float("inf"))}) == {"a": None, "1": [2, None]}
