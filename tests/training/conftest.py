import json
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from classifier.assessment import Assessment, Assessor
from router.core.types import Usage
from training.replay import Rows, as_prompt

EASY = ["name", "say", "spell", "list", "greet", "thank", "repeat", "colour", "hello", "count"]
HARD = [
    "prove",
    "derive",
    "integral",
    "theorem",
    "constraint",
    "optimise",
    "polynomial",
    "asymptotic",
    "invariant",
    "lemma",
]


class WordJudge(Assessor):
    """Judges by the share of hard words; a fake assessor."""

    artifact = "fake@1:0"

    def assess(self, text: str, context: str = "", instructions: str = "", *, explain: bool = False) -> Assessment:
        words = text.lower().split()
        hard = sum(word in HARD for word in words) / max(len(words), 1)
        complexity = 0.05 + 0.9 * hard + zlib.crc32(text.encode()) % 100 / 2000
        return Assessment(complexity, 0.4 * complexity, "chat", 0.5, False, 100, self.artifact)


@pytest.fixture
def judge() -> WordJudge:
    return WordJudge()


def written(n: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Prompts of easy and hard words, and the share of hard ones in each."""
    rng = np.random.default_rng(seed)
    share = rng.random(n)
    texts = [
        " ".join(rng.choice(HARD if rng.random() < hard else EASY) for _ in range(12)) + f" {number}"
        for number, hard in enumerate(share)
    ]
    return texts, share


def make_rows(n: int = 400, seed: int = 0, judge: WordJudge | None = None) -> Rows:
    texts, share = written(n, seed)
    rng = np.random.default_rng(seed + 1)
    prompts = tuple(as_prompt(text) for text in texts)
    assessor = judge or WordJudge()
    return Rows(
        index=np.arange(n),
        texts=tuple(texts),
        small=(rng.random(n) > share).astype(float),
        strong=(rng.random(n) > share / 3).astype(float),
        group=np.arange(n) // 2,
        source=np.array(["one", "two"])[np.arange(n) % 2],
        language=np.array(["en"] * n),
        task=np.array(["chat"] * n),
        tokens=tuple(Usage(prompt.input_tokens, 50) for prompt in prompts),
        prompts=prompts,
        assessments=tuple(assessor.assess(prompt.text) for prompt in prompts),
    )


@pytest.fixture(scope="session")
def rows() -> Rows:
    return make_rows()


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our tables with made-up prompts, two sources, five models."""
    directory = tmp_path_factory.mktemp("tables")
    n = 900
    texts, share = written(n, 3)
    rng = np.random.default_rng(4)
    ids = [f"p{number}" for number in range(n)]
    split = np.where(np.arange(n) % 10 < 5, "train", np.where(np.arange(n) % 10 < 8, "calibration", "test"))
    prompts = {
        "prompt_id": ids,
        "source": [("one", "two", "three")[number % 3] for number in range(n)],
        "subset": [""] * n,
        "prompt": texts,
        "category": ["math" if hard > 0.5 else "writing" for hard in share],
        "language": ["en"] * n,
        "kind": [("open_exact", "mcq")[number % 2] for number in range(n)],
        "group": np.arange(n),
        "split": split.tolist(),
    }
    ability = {"s1": 1.0, "s2": 0.9, "g1": 0.3, "g2": 0.25, "other": 0.6}
    cells = [
        (name, model, float(rng.random() > share[row] * weight))
        for model, weight in ability.items()
        for row, name in enumerate(ids)
    ]
    outcomes = {
        "prompt_id": [cell[0] for cell in cells],
        "model": [cell[1] for cell in cells],
        "score": [cell[2] for cell in cells],
        "output_tokens": [100.0] * len(cells),
        "output_chars": [400] * len(cells),
        "suspect": [False] * len(cells),
    }
    pq.write_table(pa.table(prompts), directory / "prompts.parquet")
    pq.write_table(pa.table(outcomes), directory / "outcomes.parquet")
    (directory / "models.csv").write_text("model,tier\ns1,small\ns2,tiny\ng1,strong\ng2,reasoning\nother,mid\n")
    return directory


@pytest.fixture
def write_jsonl(tmp_path: Path) -> Callable[[list[dict[str, object]]], Path]:
    def write(lines: list[dict[str, object]]) -> Path:
        path = tmp_path / "rows.jsonl"
        path.write_text("\n".join(json.dumps(line) for line in lines))
        return path

    return write


ROWS_TEXTS = tuple(written(60, 11)[0])
