"""Files to rows, and judged answers to the internal table: near-duplicates grouped, groups put into splits."""

import ast
import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.data import Data, DataError, from_columns
from training.readers.frame import read_frame

SPLITS = (("train", 0.70), ("calibration", 0.85), ("test", 1.0))
"""Upper ends of the shares of groups, by hash."""

_KEY_CHARS = 400


@dataclass(slots=True)
class Answers:
    """Judged answers, as a reader finds them; one entry an answer in every list.

    Attributes:
        prompt_id: rows of one prompt share it.
        score: in [0, 1].
        output_tokens: None where not recorded.
        tiers: tier of the models whose side the file itself tells.
        rejected: rows left out, by reason.
        first_day, last_day: of the rows, ISO; None without dates.
    """

    prompt_id: list[str] = field(default_factory=list)
    model: list[str] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    output_tokens: list[float | None] = field(default_factory=list)
    prompts: dict[str, dict[str, str]] = field(default_factory=dict)
    tiers: dict[str, str] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    first_day: str | None = None
    last_day: str | None = None

    def add(self, prompt_id: str, model: str, score: float, output_tokens: float | None = None) -> None:
        """Add one answer to a prompt that is in ``prompts``."""
        self.prompt_id.append(prompt_id)
        self.model.append(model)
        self.score.append(score)
        self.output_tokens.append(output_tokens)

    def seen_on(self, day: str | None) -> None:
        """Widen the window."""
        if day:
            self.first_day = min(self.first_day or day, day)
            self.last_day = max(self.last_day or day, day)


def records(path: Path) -> list[dict[str, Any]]:
    """Rows of a CSV, JSONL, parquet or pickled data frame.

    Raises:
        DataError: the file is missing or is none of these.
    """
    if not path.is_file():
        raise DataError(f"{path}: not found")
    try:
        if path.suffix in (".jsonl", ".ndjson"):
            return list(json_lines(path))
        if path.suffix == ".json":
            return list(json.loads(path.read_text(encoding="utf-8-sig")))
        if path.suffix == ".csv":
            csv.field_size_limit(1 << 28)
            with path.open(encoding="utf-8-sig", newline="") as csv_file:
                return list(csv.DictReader(csv_file))
        if path.suffix == ".parquet":
            rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
            return rows
    except (ValueError, pa.ArrowException) as error:
        raise DataError(f"{path}: cannot be read as {path.suffix[1:]} ({error})") from error
    if path.suffix in (".pkl", ".pickle"):
        return read_frame(path)
    raise DataError(f"{path}: unknown ending; CSV, JSONL, JSON, parquet and pickled data frames can be read")


def json_lines(path: Path) -> Iterator[Any]:
    """What the lines of a file say, one at a time.

    Raises:
        DataError: the file is missing, or a line is no JSON; the message says which.
    """
    if not path.is_file():
        raise DataError(f"{path}: not found")
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise DataError(
                        f"{path}:{number}: is no JSON ({getattr(error, 'msg', error)}); was the file cut off?"
                    ) from error


def assemble(answers: Answers, tiers: Mapping[str, str]) -> Data:
    """The internal table: near-duplicates share a group, groups are split by hash, so that a rerun splits alike."""
    ids = list(answers.prompts)
    groups: dict[str, int] = {}
    keys = [near_duplicate_key(answers.prompts[name]["prompt"]) for name in ids]
    for key in keys:
        groups.setdefault(key, len(groups))
    columns = ("source", "subset", "prompt", "category", "language", "kind")
    prompts: dict[str, list[Any]] = {
        "prompt_id": ids,
        **{column: [answers.prompts[name].get(column, "") for name in ids] for column in columns},
        "group": [groups[key] for key in keys],
        "split": [answers.prompts[name].get("split") or split_of(key) for name, key in zip(ids, keys, strict=True)],
    }
    outcomes: dict[str, list[Any]] = {
        "prompt_id": answers.prompt_id,
        "model": answers.model,
        "score": answers.score,
        "output_tokens": answers.output_tokens,
        "output_chars": [None] * len(answers.score),
        "suspect": [False] * len(answers.score),
    }
    return from_columns(prompts, outcomes, tiers)


def near_duplicate_key(text: str) -> str:
    """What is left of a prompt without case, digits, punctuation and white space; its first 400 characters."""
    return re.sub(r"[\W\d_]+", "", text.lower())[:_KEY_CHARS] or text[:_KEY_CHARS]


def split_of(key: str) -> str:
    """The split of a group by its hash."""
    share = int(sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8], 16) / 0xFFFFFFFF
    return next(name for name, end in SPLITS if share <= end)


def text_of(value: Any) -> str:
    """Prompt text from a string, a list of turns written as JSON or Python (RouterBench), or chat messages."""
    if isinstance(value, str):
        stripped = value.strip()
        if stripped[:1] == "[" and stripped[-1:] == "]":
            return text_of(_turns(stripped)) or stripped
        return stripped
    if isinstance(value, Iterable) and not isinstance(value, Mapping):
        parts = [part for part in value if not isinstance(part, Mapping) or part.get("role", "user") == "user"]
        return "\n".join(text for part in parts if (text := text_of(part)))
    if isinstance(value, Mapping):
        return text_of(value.get("content"))
    return ""


def _turns(text: str) -> Any:
    """A list from its JSON or its Python literal; None where it is neither."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def share_of(value: Any) -> float | None:
    """A score in [0, 1] from a number, a truth value or their text; None where it is none."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        value = {"true": "1", "false": "0"}.get(value.strip().lower(), value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number <= 1 else None


def day_of(value: Any) -> str | None:
    """ISO day of an ISO time or of Unix seconds; None where there is none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC).date().isoformat()
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value.strip()).date().isoformat()
        except ValueError:
            return None
    return None
