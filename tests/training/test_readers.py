import base64
import csv
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from training import data as internal
from training.data import DataError
from training.readers import read_any, write_tables
from training.readers.rows import near_duplicate_key, split_of

Write = Callable[[list[dict[str, object]]], Path]

# Three made-up rows in RouterBench's layout, pickled by pandas 2.0.3.
PANDAS_FRAME = (
    "eNptVE9PE0EU77ZdoIIKJCJctDfqvyb05MHQBIyJbigEDx4MWWe3086Gnd3NzCx/DCR6ACGZG0++gx/Ab6EXP4GJHj1A4sGDib7ZbrUlTNJ5703fvHm/"
    "33tv39jv98uFbOmphERtIut+LGi9IwinoCuPiSJPMv0E7ryFfajpssu7AvStQfcgUlREJJR1TiLSpUKCnlgKY39zpWfjdT2T33DDwJP/r4C+7qZREvib"
    "IXU9c8c4T0cpT3Z70VGlIvBBj7sdEXMv7XSyiLXTV4XBddYcMgtfm8PnZ83Pn8z60Txn344+/vq+2JM/F/v27w/nX1a8teZFCdrO8kHZVruJYUMXOw/h"
    "+OgdrEPNKWnrEbRarWd/cGWbU1DgOWWndAjaWgaFbuxa7bSap1bKZU5+YSSXo7kENq2LwcADbOay8AfA5kxop2jc2Li+MUAbT0MVECEIpj3hCurHkVQi"
    "9RVmzyb1KBYj+/MEnMIBLFse9N6yHNukbTJYHYK4dwFiE3M43sCWsAiC9PCHNZp8Of+CEVUNZLVxr9Gc3wA9tibiLVoNFOiR52S3ygJUOA/TBzugS13J"
    "QY9y5dHIZxgDzyzM2HqNFPMFszWALVF8yxBYGy5xwcplMZd2Lsf+EXnbsYdpOgST8+xw/7bpDpV1j0js+ituRLfdp+bMULWi7b6e9X8bZwJYjd01tLH7"
    "fdIqaDQyOiqS8ASbOWgjzgQ7NkHkFbpFQjcyo8SW2LKe4gt7PG7TECsjEywNPnwVz1Ss0M+PpTJ2Y8iejQXxMXDvnopdEaeKogKGHl3OorfSQ9MLq3ru"
    "MoSCRF0Dcd3IAViMtLQtFREKu0GXpYoTwJqjQlGxspjUbDj/OAGIx9DQ/0y4nCqS8YLltolS+AHYR/BuJyTdTL1JwjDelm47TcLAJ5h1SDyK038kU6/+"
    "Fz3PsIA="
)
WIDE = [
    {
        "sample_id": "a",
        "prompt": "['Two plus two?']",
        "eval_name": "sums",
        "m1": "1.0",
        "m2": "1",
        "m1|total_cost": "0.1",
        "m2|total_cost": "1",
    },
    {
        "sample_id": "a",
        "prompt": "Again",
        "eval_name": "sums",
        "m1": "1",
        "m2": "1",
        "m1|total_cost": "",
        "m2|total_cost": "",
    },
    {
        "sample_id": "b",
        "prompt": "",
        "eval_name": "sums",
        "m1": "1",
        "m2": "1",
        "m1|total_cost": "",
        "m2|total_cost": "",
    },
    {
        "sample_id": "c",
        "prompt": "Prove it",
        "eval_name": "sums",
        "m1": "7",
        "m2": "",
        "m1|total_cost": "",
        "m2|total_cost": "",
    },
]


@pytest.fixture
def tiers(tmp_path: Path) -> Path:
    path = tmp_path / "models.csv"
    path.write_text("model,tier\nm1,small\nm2,strong\n")
    return path


def test_our_tables_are_copied_byte_for_byte(tables: Path, tmp_path: Path) -> None:
    write_tables(read_any(tables), tmp_path / "out")
    assert (tmp_path / "out" / "outcomes.parquet").read_bytes() == (tables / "outcomes.parquet").read_bytes()


def test_a_wide_table_is_read_and_what_it_lacks_is_counted(tmp_path: Path, tiers: Path) -> None:
    path = tmp_path / "wide.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(WIDE[0]))
        writer.writeheader()
        writer.writerows(WIDE)
    found = read_any(path, models=tiers)
    assert found.data.texts == ("Two plus two?", "Prove it")
    assert found.data.score.tolist() == [1, 1]
    assert found.rejected == {
        "wide: sample_id repeated": 1,
        "wide: no prompt": 1,
        "wide: score is not a number in [0, 1]": 1,
    }


def test_a_data_frame_pickled_by_pandas_is_read_without_pandas(tmp_path: Path, tiers: Path) -> None:
    path = tmp_path / "frame.pkl"
    path.write_bytes(zlib.decompress(base64.b64decode(PANDAS_FRAME)))
    found = read_any(path, models=tiers)
    assert found.data.texts == ("What is 2+2?", "Prove it", "Say hi")
    assert found.data.score.tolist() == [1, 1, 0, 1, 0.5, 0.9]


def test_a_pickle_that_wants_to_run_something_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (print, ("ran",))

    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DataError, match=r"builtins\.print.*refused"):
        read_any(path, "wide")


def test_the_winner_of_a_pair_is_right_and_a_tie_counts_for_both(write_jsonl: Write, tiers: Path) -> None:
    pair = {"model_a": "m1", "model_b": "m2"}
    path = write_jsonl(
        [
            {"prompt": "one", **pair, "winner": "model_b"},
            {"prompt": "two", **pair, "winner_model_a": 0, "winner_model_b": 0, "winner_tie": 1},
            {"prompt": "three", **pair, "winner": "tie (bothbad)"},
            {"prompt": "four", **pair, "winner": "nobody"},
            {"prompt": "one", **pair, "winner": "model_b"},
        ]
    )
    found = read_any(path, models=tiers)
    assert found.data.score.tolist() == [0, 1, 1, 1, 0, 0]
    assert found.rejected == {"pairs: no winner": 1, "pairs: model repeated on a prompt": 2}


def test_the_ledger_tells_sides_window_and_why_rows_are_left_out(write_jsonl: Write) -> None:
    row = {"model": "openai/a", "route": "small", "started_at": 1767225600}
    path = write_jsonl(
        [
            {**row, "request_id": "1", "prompt": "hello", "verdict": "good"},
            {
                **row,
                "request_id": "1",
                "prompt": "hello",
                "model": "openai/b",
                "route": "strong",
                "score": 0.5,
                "started_at": 1767312000,
            },
            {**row, "request_id": "2", "prompt": "hello", "outcome": "aborted", "score": 1},
            {**row, "request_id": "3", "features": [1, 2], "score": 1},
            {**row, "request_id": "4", "prompt": "hello"},
            {"request_id": "", "model": "x", "prompt": "y"},
        ]
    )
    found = read_any(path)
    assert found.data.score.tolist() == [1, 0.5]
    assert found.data.tiers == {"openai/a": "small", "openai/b": "strong"}
    assert found.window == {"from": "2026-01-01", "to": "2026-01-02"}
    assert sum(found.rejected.values()) == 4


def test_a_prompt_that_was_asked_of_two_models_is_one_prompt(write_jsonl: Write) -> None:
    row = {"prompt": "hello", "prompt_hash": "aa", "verdict": "good"}
    path = write_jsonl(
        [
            {**row, "request_id": "1", "model": "openai/a", "route": "small"},
            {**row, "request_id": "2", "model": "openai/b", "route": "strong", "verdict": "bad"},
            {**row, "request_id": "3", "model": "openai/b", "route": "strong", "prompt_hash": "bb", "prompt": "bye"},
        ]
    )
    found = read_any(path).data
    assert len(found) == 2
    assert found.score.tolist() == [1, 0, 1]


def test_a_ledger_without_texts_is_refused_by_that_and_not_by_a_missing_tier(write_jsonl: Write) -> None:
    row = {"request_id": "1", "model": "openai/a", "route": "small", "features": [1, 2], "score": 1}
    with pytest.raises(DataError, match=r"features without text \(1\).*--ledger"):
        read_any(write_jsonl([row]))


def test_what_was_converted_reads_back_the_same(write_jsonl: Write, tmp_path: Path) -> None:
    rows = [
        {"request_id": str(n), "prompt": f"word{'abcdefgh'[n]} asked", "model": model, "route": route, "score": n / 8}
        for n in range(8)
        for model, route in (("a", "small"), ("b", "strong"))
    ]
    found = read_any(write_jsonl(rows))
    write_tables(found, tmp_path / "out")
    assert internal.load(tmp_path / "out").fingerprint() == found.data.fingerprint()


def test_near_duplicates_share_a_split() -> None:
    keys = {near_duplicate_key(text) for text in ("What is 3 + 4?", "what is 12+5", "WHAT  IS 1 + 1 ?!")}
    assert len(keys) == 1
    shares = [split_of(str(number)) for number in range(2000)]
    assert 0.65 < shares.count("train") / 2000 < 0.75


def test_without_tiers_the_models_found_are_named(write_jsonl: Write) -> None:
    path = write_jsonl([{"prompt": "one", "model_a": "m1", "model_b": "m2", "winner": "model_a"}])
    with pytest.raises(DataError, match=r"m1, m2.*--models"):
        read_any(path)


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.jsonl", '{"x": 1}', "fit no known format"),
        ("a.jsonl", "{", "cannot be read"),
        ("a.xls", "", "unknown ending"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_way_out(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=complaint):
        read_any(tmp_path / name)
