"""What a run is asked to do, and what comes of it, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from router.core.fusion import FusionControls, Member
from router.core.panel import PanelistStatus
from router.core.plan import Step
from router.core.types import Attempt, Reason
from router.dispatch.trip import Trip
from router.dispatch.web import Source
from router.errors import GatewayError

RunStatus = Literal["judged", "agreed", "degraded", "failed"]

DEPTH_HEADERS: Mapping[str, str] = {"x-router-fusion-depth": "1", "x-openrouter-fusion-depth": "1"}
"""Sent with every call of a run, and with every call for a request that carries it itself: whoever answers it must not
start a run of its own, however many gateways stand in between."""


@dataclass(frozen=True, slots=True)
class RunOrder:
    """One run.

    Attributes:
        body: the caller's request, without anything of ours.
        alone: who may answer alone, in this order, should the panel not.
        strong, priors: the strong route and what the config, or else the classifier, expects of deployments, for ranking members.
        closed_answer: whether a number, an option or a label is asked for; None where nobody knows.
        input_tokens, output_tokens: estimates for one answer.
        tool_calls: how often each member may use the web, where there is one.
        cap_usd: for the whole run; None means no cap.
        deadline_s: by then everything is over; by ``time.monotonic``.
    """

    run_id: str
    body: Mapping[str, Any]
    panel: tuple[Member, ...]
    judge: str
    alone: tuple[Step, ...]
    strong: tuple[str, ...]
    controls: FusionControls
    closed_answer: bool | None
    input_tokens: int
    output_tokens: int
    cap_usd: float | None
    deadline_s: float
    tool_calls: int = 0
    priors: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Panelist:
    """A member in the course of a run.

    Attributes:
        rank: place among the members by prior; 0 is the best.
        text: the candidate; empty without one.
        calls: the lines of its calls.
        trip: of its latest call.
        label: its letter in the judge's frame; empty where none was shown.
        tool_calls: how often it used the web.
        sources: what it was shown of the web, by address.
    """

    member: Member
    rank: int
    status: PanelistStatus = "cancelled"
    text: str = ""
    reply: dict[str, Any] | None = None
    error: GatewayError | None = None
    calls: list[Attempt] = field(default_factory=list)
    trip: Trip | None = None
    label: str = ""
    tool_calls: int = 0
    sources: dict[str, Source] = field(default_factory=dict)

    @property
    def usable(self) -> bool:
        """Whether it has a candidate."""
        return bool(self.text)

    @property
    def failure(self) -> str | None:
        """The error code of its last failed call; None where none failed."""
        if self.error is not None:
            return self.error.code
        own = (call for call in reversed(self.calls) if call.deployment == self.member.deployment)
        return next((call.outcome for call in own if call.outcome not in ("ok", "aborted")), None)


@dataclass(frozen=True, slots=True)
class Answer:
    """The run's answer.

    Attributes:
        step: who wrote it.
        reply: the provider's reply with the answer's text in it.
        why_alone: why it is of nobody on the panel, nor of the judge; None where it is.
    """

    text: str
    step: Step
    reply: dict[str, Any]
    why_alone: Reason | None = None

    @property
    def finish_reason(self) -> str:
        """As the provider said it."""
        choices = self.reply.get("choices") or [{}]
        return str(choices[0].get("finish_reason") or "stop")


def with_text(reply: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A reply with one choice that says this text."""
    first = (reply.get("choices") or [{}])[0]
    finish = first.get("finish_reason") or "stop"
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return {**reply, "choices": [choice]}
