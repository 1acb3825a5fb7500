"""What remains of a request: one frozen record, whatever happened."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from classifier.value import value
from router.core.bill import Bill, make_bill
from router.core.decision import Decision
from router.core.fusion import without_texts
from router.core.policy import Thresholds
from router.core.rounding import rounded
from router.core.types import Attempt, Deployment, Reason, Route, Usage
from router.record.redact import redact

EMBEDDINGS = "embeddings"
"""The endpoint whose requests the baseline, a chat model, could not have answered: it has no counterfactual."""

StoredText = Literal["none", "prompts", "all"]
"""Whose words go into the record: nobody's, the callers', or also the models'."""

STATIONS = ("parse", "assess", "decide", "dispatch", "render")


@dataclass(frozen=True, slots=True)
class Texts:
    """What was asked and answered, where the operator opted in.

    Attributes:
        prompt: the newest human turn.
        context: what the classifier saw of the turn before.
        answer: None where answers are not kept, or none came.
    """

    prompt: str
    context: str
    answer: str | None = None


@value
class RequestRecord:
    """One request, as it ended.

    Attributes:
        started_at: Unix time in seconds.
        began_s: the same moment on the clock of the attempts' ``began_s``.
        traceparent: the caller's W3C trace context, as it came; None without one.
        caller: the name of the API key, empty where auth is off; never the key.
        asked_model: the ``model`` of the request; redacted where nobody serves it.
        route, reason: how it was answered in the end; ``decision`` says what was meant.
        model: of the deployment that answered, or was tried last; None where none was called.
        outcome: ``ok``, an error code, or ``aborted``.
        attempts: every call made for it, in order.
        answered: usage of the call that answered, or was answering when the caller hung up; None where there is none.
        cost_usd: the sum over all priced calls; None where no call was priced.
        unpriced: some call has tokens but no known price: ``cost_usd`` is then a lower bound.
        baseline_cost_usd: the same tokens at the baseline's price; None without an answer or a price.
        savings_usd: what the baseline would have cost beyond ours, signed; None where a side has no known price.
        overhead_s: our own time by station; waiting for a provider is not in it.
        first_token_s: from the request's arrival to the first content; None for replies that are not streamed.
        fusion: the run's facts without anything that a model wrote; None where no panel was asked.
        features_id: of the classifier that judged; vectors of one id can be compared.
        thresholds: of the decision's mode, as they were in force; None where nothing was decided.
        prompt_digest: SHA-256 of the newest human turn; the ledger keys it before it is kept.
        session_id: as the caller named it; the ledger keeps a keyed hash.
        texts: what was asked and answered; None unless ``ledger.store_text`` opts in.
    """

    request_id: str
    started_at: float
    endpoint: str
    caller: str
    asked_model: str
    stream: bool
    route: Route | None
    reason: Reason | None
    model: str | None
    deployment: str | None
    outcome: str
    status: int
    decision: Decision | None
    attempts: tuple[Attempt, ...]
    answered: Usage | None
    cost_usd: float | None
    unpriced: bool
    baseline: str
    baseline_cost_usd: float | None
    savings_usd: float | None
    duration_s: float
    first_token_s: float | None
    overhead_s: Mapping[str, float]
    policy: str
    fusion: Mapping[str, Any] | None = None
    classifier_failed: bool = False
    began_s: float = 0.0
    traceparent: str | None = None
    features_id: str | None = None
    thresholds: Thresholds | None = None
    prompt_digest: bytes | None = None
    session_id: str | None = None
    texts: Texts | None = None


@dataclass(slots=True)
class Draft:
    """A record in the making: what is known of a request so far. Everything has a value from the start."""

    request_id: str
    started_at: float
    endpoint: str
    baseline: Deployment
    policy: str
    began_s: float = 0.0
    traceparent: str | None = None
    caller: str = ""
    asked_model: str = ""
    stream: bool = False
    decision: Decision | None = None
    route: Route | None = None
    reason: Reason | None = None
    deployment: Deployment | None = None
    attempts: list[Attempt] = field(default_factory=list)
    classifier: str = ""
    classifier_failed: bool = False
    status: int = 0
    first_token_s: float | None = None
    overhead_s: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STATIONS, 0.0))
    fusion: dict[str, Any] | None = None
    fused: Usage | None = None
    features_id: str | None = None
    thresholds: Thresholds | None = None
    prompt_digest: bytes | None = None
    session_id: str | None = None
    texts: Texts | None = None
    _bill: Bill | None = None
    _billed: tuple[int, Usage | None] = (0, None)

    def keep_answer(self, text: str) -> None:
        """Put the answer beside the prompt that is kept."""
        if self.texts is not None:
            self.texts = replace(self.texts, answer=text)

    @property
    def model(self) -> str | None:
        """Of the deployment that answered, or was tried last."""
        if self.deployment is not None:
            return self.deployment.model
        return self.attempts[-1].model if self.attempts else None

    @property
    def answered(self) -> Usage | None:
        """Usage of the call that answered, or was answering when the caller hung up; of a run, what one call would have used."""
        if self.fusion is not None:
            return self.fused
        last = self.attempts[-1] if self.attempts else None
        return last.usage if last is not None and last.outcome in ("ok", "aborted") else None

    @property
    def bill(self) -> Bill:
        """What all calls so far come to: made once for each number of them, since headers, body and record all ask."""
        answered = self.answered
        made_for = (len(self.attempts), answered)
        if self._bill is None or self._billed != made_for:
            baseline = None if self.endpoint == EMBEDDINGS else self.baseline.price
            self._bill, self._billed = make_bill(self.attempts, answered, baseline), made_for
        return self._bill

    def finish(self, outcome: str, duration_s: float) -> RequestRecord:
        """Freeze it."""
        last = self.attempts[-1] if self.attempts else None
        model, deployment = (last.model, last.deployment) if last is not None else (None, None)
        bill = self.bill
        return RequestRecord(  # in the order of its fields: to match 33 keywords takes twice as long as all else here
            self.request_id,
            self.started_at,
            self.endpoint,
            self.caller,
            # a name that nobody serves may be anything: a key in the wrong field, too
            self.asked_model if self.decision is not None else redact(self.asked_model[:200]),
            self.stream,
            self.route,
            self.reason,
            self.deployment.model if self.deployment else model,
            self.deployment.name if self.deployment else deployment,
            outcome,
            self.status,
            self.decision,
            tuple(self.attempts),
            self.answered,
            bill.cost_usd,
            bill.unpriced,
            self.baseline.model,
            bill.baseline_cost_usd,
            bill.savings_usd,
            duration_s,
            self.first_token_s,
            self.overhead_s,
            self.policy,
            without_texts(self.fusion) if self.fusion is not None else None,
            self.classifier_failed,
            self.began_s,
            self.traceparent,
            self.features_id,
            self.thresholds,
            self.prompt_digest,
            self.session_id,
            self.texts,
        )


def facts(draft: Draft) -> dict[str, Any]:
    """The ``router`` object of a response."""
    assessment, bill = draft.decision.assessment if draft.decision else None, draft.bill
    return {
        "request_id": draft.request_id,
        "route": draft.route,
        "model": draft.deployment.model if draft.deployment else None,
        "deployment": draft.deployment.name if draft.deployment else None,
        "reason": draft.reason,
        "complexity": rounded(assessment.complexity, 1e6) if assessment else None,
        "gain": rounded(assessment.gain, 1e6) if assessment else None,
        "task": assessment.task if assessment else None,
        "novelty": rounded(assessment.novelty, 1e6) if assessment else None,
        "classifier": assessment.artifact if assessment else None,
        "mode": draft.decision.mode if draft.decision else None,
        "cost_usd": bill.cost_usd,
        "unpriced": bill.unpriced,
        "baseline_cost_usd": bill.baseline_cost_usd,
        "baseline_model": draft.baseline.model,
        "attempts": [attempt_facts(attempt) for attempt in draft.attempts],
        **({"fusion": draft.fusion} if draft.fusion is not None else {}),
    }


def attempt_facts(attempt: Attempt) -> dict[str, Any]:
    """A call's line, for the response, the log and the ledger."""
    usage = attempt.usage
    special = usage.special if usage else None
    return {
        "deployment": attempt.deployment,
        "model": attempt.model,
        "stage": attempt.stage,
        "outcome": attempt.outcome,
        "ms": rounded(attempt.duration_s * 1000, 1e3),
        "input_tokens": usage.input_tokens if usage else 0,
        "output_tokens": usage.output_tokens if usage else 0,
        "estimated": usage.estimated if usage else False,
        "cost_usd": attempt.cost_usd,
        **({"changes": attempt.changes} if attempt.changes is not None else {}),
        **({"service_tier": special.tier, "plain_price": attempt.is_plain} if special and special.tier else {}),
    }
