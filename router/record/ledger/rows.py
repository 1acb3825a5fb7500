"""From a request's record to the ledger's rows. Pure; called in the writer's thread."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from operator import attrgetter, itemgetter
from typing import Any

import orjson

from classifier.value import value
from router.core.spend import price_source
from router.core.types import Attempt, Deployment, Usage
from router.record.record import STATIONS, RequestRecord
from router.record.redact import redact

MAX_NAME = 200
"""Characters kept of what a caller may write at any length: model names."""

MAX_TEXT = 32_000
"""Characters kept of one text: the first and the last half of a longer one."""

MARGIN = 4_000
"""Characters beyond a cut that are read for secrets which lie across it: a private key of 4096 bits has 3,300."""

CERTAIN = 1.0
"""The propensity of a route that is never drawn by lot."""

Row = tuple[Any, ...]
"""Values in the order of one of the lists of columns below."""

# What a row takes from an object's attributes, by their names; columns have the same names where nothing else is said.
_RECORD = (
    "request_id", "started_at", "endpoint", "caller", "stream", "route", "reason", "model", "deployment", "outcome",
    "status", "classifier_failed", "policy", "cost_usd", "unpriced", "baseline", "baseline_cost_usd", "savings_usd",
    "duration_s", "first_token_s",
)  # fmt: skip
_DECISION = ("route", "reason", "mode", "is_novel")
_THRESHOLDS = ("complexity", "gain", "band", "novelty")
_ASSESSMENT = ("complexity", "gain", "task", "novelty", "closed_answer", "expected_output_tokens", "artifact")
_USAGE = (
    "input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens", "estimated",
)  # fmt: skip
_ATTEMPT = ("stage", "deployment", "model", "outcome", "duration_s", "cost_usd")

REQUEST_COLUMNS = (
    *_RECORD,
    *("decided_route", "decided_reason", "mode", "is_novel"),
    *(f"threshold_{name}" for name in _THRESHOLDS),
    *_ASSESSMENT,
    *(f"answered_{name}" for name in _USAGE),
    *(f"{station}_s" for station in STATIONS),
    *("asked_model", "propensity", "input_tokens", "output_tokens", "prompt_hash", "session_hash", "features"),
    *("features_id", "fusion", "answered_special", "seq"),
)
CALL_COLUMNS = (*_ATTEMPT, *_USAGE, "position", "price_source", "special", "changes", "seq")
TEXT_COLUMNS = ("stored_at", "prompt", "context", "answer", "seq")


@value
class Rows:
    """One request's rows, without their last column: ``seq``, which the transaction that writes them puts in."""

    request_id: str
    request: Row
    calls: list[Row]
    texts: Row | None


@dataclass(frozen=True, slots=True)
class RowMaker:
    """Makes rows.

    Attributes:
        hash_key: of this ledger.
        pool: the deployments, for where their prices are from.
    """

    hash_key: bytes
    pool: Mapping[str, Deployment]

    def rows(self, record: RequestRecord) -> Rows:
        """The rows of one request."""
        return Rows(record.request_id, self._request(record), self._calls(record.attempts), _texts(record))

    def _request(self, record: RequestRecord) -> Row:
        usages = [attempt.usage for attempt in record.attempts if attempt.usage is not None]
        assessment = record.decision.assessment if record.decision is not None else None
        features = assessment.features if assessment is not None else None
        fusion = record.fusion
        return (
            *_of_record(record),
            *_of_decision(record.decision),
            *_of_thresholds(record.thresholds),
            *_of_assessment(assessment),
            *_of_usage(record.answered),
            *_of_stations(record.overhead_s),
            storable(record.asked_model[:MAX_NAME]),
            CERTAIN,
            sum([usage.input_tokens for usage in usages]),
            sum([usage.output_tokens for usage in usages]),
            self._hash(record.prompt_digest) if record.prompt_digest is not None else None,
            self._session_hash(record) if record.session_id else None,
            features.astype("<f4", copy=False).tobytes() if features is not None else None,
            record.features_id if features is not None else None,
            # the bill's lines are in the calls' table
            _json({key: fusion[key] for key in fusion if key != "cost"}) if fusion is not None else None,
            _special(record.answered),
        )

    def _calls(self, attempts: tuple[Attempt, ...]) -> list[Row]:
        return [
            (
                *(*_of_attempt(attempt), *_of_usage(attempt.usage), position),
                *(price_source(attempt, self.pool), _special(attempt.usage)),
                _json(attempt.changes) if attempt.changes is not None else None,
            )
            for position, attempt in enumerate(attempts)
        ]

    def _hash(self, value: bytes) -> str:
        return blake2b(value, key=self.hash_key, digest_size=12).hexdigest()

    def _session_hash(self, record: RequestRecord) -> str:
        return self._hash(f"{record.caller}\0{record.session_id}".encode("utf-8", "surrogatepass"))


def storable(text: str) -> str:
    """Text that every database takes: no NUL (PostgreSQL refuses it), no half of a surrogate pair."""
    text = text.replace("\0", "\ufffd")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def kept_text(text: str) -> str:
    """What is kept of a text: redacted; of one longer than ``MAX_TEXT`` at most the halves, and a note of what is left out.

    A secret that lies across a cut is redacted before it is cut: its rest would not look like one.
    """
    if len(text) <= MAX_TEXT:
        return redact(storable(text))
    read = MAX_TEXT // 2 + MARGIN
    head, tail = redact(storable(text[:read]))[:-MARGIN], redact(storable(text[-read:]))[MARGIN:]
    return f"{head}\n[… {len(text) - MAX_TEXT} characters left out …]\n{tail}"


def _reader(names: Sequence[str]) -> Callable[[object | None], Row]:
    """Reads these attributes of an object; of None it reads as many times nothing."""
    read, nothing = attrgetter(*names), (None,) * len(names)

    def values(read_from: object | None) -> Row:
        return nothing if read_from is None else read(read_from)

    return values


_of_record, _of_attempt, _of_stations = attrgetter(*_RECORD), attrgetter(*_ATTEMPT), itemgetter(*STATIONS)
_of_decision, _of_thresholds = _reader(_DECISION), _reader(_THRESHOLDS)
_of_assessment, _of_usage = _reader(_ASSESSMENT), _reader(_USAGE)


def _texts(record: RequestRecord) -> Row | None:
    texts = record.texts
    if texts is None:
        return None
    answer = kept_text(texts.answer) if texts.answer is not None else None
    return (record.started_at, kept_text(texts.prompt), kept_text(texts.context), answer)


def _special(usage: Usage | None) -> str | None:
    """What few calls have, by its fields' names, without those that are nothing."""
    special = usage.special if usage is not None else None
    return _json({name: count for name, count in asdict(special).items() if count}) if special is not None else None


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
