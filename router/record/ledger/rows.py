"""From a request's record to the ledger's rows. Pure; called in the writer's thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from router.core.spend import price_source
from router.core.types import Attempt, Deployment
from router.record.record import RequestRecord
from router.record.redact import redact

MAX_NAME = 200
"""Characters kept of what a caller may write at any length: model names."""

MAX_TEXT = 32_000
"""Characters kept of one text: the first and the last half of a longer one."""

MARGIN = 4_000
"""Characters beyond a cut that are read for secrets which lie across it: a private key of 4096 bits has 3,300."""

CERTAIN = 1.0
"""The propensity of a route that is never drawn by lot."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """One request's rows. Their number in the ledger, ``seq``, is put in by the transaction that writes them."""

    request: Row
    calls: list[Row]
    texts: Row | None

    def all(self) -> list[Row]:
        """The rows of every table."""
        return [self.request, *self.calls, *([self.texts] if self.texts is not None else ())]


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
        return Rows(self._request(record), self._calls(record.attempts), _texts(record))

    def _request(self, record: RequestRecord) -> Row:
        usages = [attempt.usage for attempt in record.attempts if attempt.usage is not None]
        overhead_s = record.overhead_s
        fusion = record.fusion
        return {
            "request_id": record.request_id,
            "started_at": record.started_at,
            "endpoint": record.endpoint,
            "caller": record.caller,
            "asked_model": storable(record.asked_model[:MAX_NAME]),
            "stream": record.stream,
            "route": record.route,
            "reason": record.reason,
            "model": record.model,
            "deployment": record.deployment,
            "outcome": record.outcome,
            "status": record.status,
            **_decided(record),
            "classifier_failed": record.classifier_failed,
            "policy": record.policy,
            "propensity": CERTAIN,
            "input_tokens": sum(usage.input_tokens for usage in usages),
            "output_tokens": sum(usage.output_tokens for usage in usages),
            **_answered(record),
            "cost_usd": record.cost_usd,
            "unpriced": record.unpriced,
            "baseline": record.baseline,
            "baseline_cost_usd": record.baseline_cost_usd,
            "savings_usd": record.savings_usd,
            "duration_s": record.duration_s,
            "first_token_s": record.first_token_s,
            "parse_s": overhead_s["parse"],
            "assess_s": overhead_s["assess"],
            "decide_s": overhead_s["decide"],
            "dispatch_s": overhead_s["dispatch"],
            "render_s": overhead_s["render"],
            "prompt_hash": self._hash(record.prompt_digest) if record.prompt_digest is not None else None,
            "session_hash": self._session_hash(record),
            # the bill's lines are in the calls' table
            "fusion": _json({key: fusion[key] for key in fusion if key != "cost"}) if fusion is not None else None,
        }

    def _calls(self, attempts: tuple[Attempt, ...]) -> list[Row]:
        return [_call(attempt, at, self.pool) for at, attempt in enumerate(attempts)]

    def _hash(self, value: bytes) -> str:
        return blake2b(value, key=self.hash_key, digest_size=12).hexdigest()

    def _session_hash(self, record: RequestRecord) -> str | None:
        if not record.session_id:
            return None
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


_UNDECIDED: Row = dict.fromkeys((
    "decided_route", "decided_reason", "mode", "threshold_complexity", "threshold_gain", "threshold_band",
    "threshold_novelty", "is_novel",
))  # fmt: skip
_UNJUDGED: Row = dict.fromkeys((
    "complexity", "gain", "task", "novelty", "closed_answer", "expected_output_tokens", "artifact", "features",
    "features_id",
))  # fmt: skip
_UNANSWERED: Row = dict.fromkeys((
    "answered_input_tokens", "answered_output_tokens", "answered_cached_tokens", "answered_cache_write_tokens",
    "answered_reasoning_tokens", "answered_estimated",
))  # fmt: skip
_UNUSED: Row = dict.fromkeys((
    "input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens", "estimated",
))  # fmt: skip


def _decided(record: RequestRecord) -> Row:
    decision, thresholds = record.decision, record.thresholds
    if decision is None:
        return {**_UNDECIDED, **_UNJUDGED}
    assessment = decision.assessment
    return {
        "decided_route": decision.route,
        "decided_reason": decision.reason,
        "mode": decision.mode,
        "threshold_complexity": thresholds.complexity if thresholds else None,
        "threshold_gain": thresholds.gain if thresholds else None,
        "threshold_band": thresholds.band if thresholds else None,
        "threshold_novelty": thresholds.novelty if thresholds else None,
        "is_novel": decision.is_novel,
        **(
            {
                "complexity": assessment.complexity,
                "gain": assessment.gain,
                "task": assessment.task,
                "novelty": assessment.novelty,
                "closed_answer": assessment.closed_answer,
                "expected_output_tokens": assessment.expected_output_tokens,
                "artifact": assessment.artifact,
                "features": None if assessment.features is None else assessment.features.astype("<f4").tobytes(),
                "features_id": None if assessment.features is None else record.features_id,
            }
            if assessment is not None
            else _UNJUDGED
        ),
    }


def _answered(record: RequestRecord) -> Row:
    usage = record.answered
    if usage is None:
        return _UNANSWERED
    return {
        "answered_input_tokens": usage.input_tokens,
        "answered_output_tokens": usage.output_tokens,
        "answered_cached_tokens": usage.cached_tokens,
        "answered_cache_write_tokens": usage.cache_write_tokens,
        "answered_reasoning_tokens": usage.reasoning_tokens,
        "answered_estimated": usage.estimated,
    }


def _call(attempt: Attempt, position: int, pool: Mapping[str, Deployment]) -> Row:
    usage = attempt.usage
    used = _UNUSED if usage is None else {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "estimated": usage.estimated,
    }  # fmt: skip
    return {
        "position": position,
        "stage": attempt.stage,
        "deployment": attempt.deployment,
        "model": attempt.model,
        "outcome": attempt.outcome,
        "duration_s": attempt.duration_s,
        **used,
        "cost_usd": attempt.cost_usd,
        "price_source": price_source(attempt, pool),
    }


def _texts(record: RequestRecord) -> Row | None:
    texts = record.texts
    if texts is None:
        return None
    return {
        "stored_at": record.started_at,
        "prompt": kept_text(texts.prompt),
        "context": kept_text(texts.context),
        "answer": kept_text(texts.answer) if texts.answer is not None else None,
    }


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
