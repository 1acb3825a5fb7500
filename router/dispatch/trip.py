"""One request's way through the providers: what is known when it begins, and what it leaves behind."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from time import perf_counter
from typing import Any

from router.core.cost import call_cost_usd
from router.core.plan import Failed
from router.core.types import Attempt, Deployment, Stage, Usage
from router.core.usage import read_usage
from router.errors import UpstreamError, UpstreamTimeout

log = logging.getLogger("router")

WRITES_PER_S = 100
"""Tokens a second that a model is taken to write where nobody said: judgement, of what large hosted models do."""


@dataclass(slots=True)
class Trip:
    """What one request's way through the providers leaves behind.

    Attributes:
        input_tokens: our estimate, for calls whose provider reported nothing.
        failed: steps that were tried in vain.
        rewritten: a deployment was asked again at once, without what it had refused of the request.
        attempts: every call, in order of its end; the record's own list.
        waited_s: time spent waiting for providers.
        relayed_s: our own time spent reading their streams.
        first_stage: what the first call is for.
        output_tokens: our estimate of the answer, the most that a call that is cut off is taken to have written.
        written_tokens: how much it has likely written, where more is known than how long it had.
        once: a single call, whatever the dispatcher allows: under a cap nothing is repeated.
        headers: sent with every call.
        around_model: the body as the caller wrote it, for every call; see ``Call``.
        keeps_text: the answer's text is wanted for the record.
    """

    input_tokens: int
    attempts: list[Attempt]
    failed: list[Failed] = field(default_factory=list)
    rewritten: bool = False
    waited_s: float = 0.0
    relayed_s: float = 0.0
    first_stage: Stage = "answer"
    output_tokens: int = 0
    written_tokens: int | None = None
    once: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    around_model: tuple[bytes, bytes] | None = None
    keeps_text: bool = False

    @property
    def stage(self) -> Stage:
        """The first call is the answer's, or a panelist's or the judge's; later ones are retries."""
        return "retry" if self.failed or self.rewritten else self.first_stage

    def used(self, error: UpstreamError, after_s: float) -> Usage | None:
        """What a call that failed so long after it began has used; None where nothing was billed."""
        reported = read_usage(error.usage)
        if reported is not None or not error.billed:
            return reported
        return self.cut_off(after_s) if isinstance(error, UpstreamTimeout) else Usage(self.input_tokens, estimated=True)

    def cut_off(self, after_s: float) -> Usage:
        """What a call has likely used that was cut off before its provider said, so long after it began."""
        written = self.written_tokens
        if written is None:
            written = min(self.output_tokens, int(after_s * WRITES_PER_S))
        return Usage(self.input_tokens, written, estimated=True)

    def note(self, deployment: Deployment, stage: Stage, outcome: str, began_s: float, usage: Usage | None,
             changes: Mapping[str, Any] | None = None) -> None:  # fmt: skip
        """Write down a call that has ended, ``began_s`` on ``perf_counter``; without ``usage`` nothing was billed."""
        price = deployment.price
        cost = call_cost_usd(usage, price) if usage is not None and price is not None else None
        is_plain = False
        if usage is not None and usage.special is not None and usage.special.tier and price is not None:
            is_plain = usage.special.tier not in price.tiers
            if is_plain:
                _say_plain(deployment.name, usage.special.tier)
        duration_s = perf_counter() - began_s
        self.attempts.append(
            Attempt(
                deployment.name, deployment.model, stage, outcome, duration_s, usage, cost, began_s, changes, is_plain
            )
        )


@lru_cache(maxsize=256)
def _say_plain(deployment: str, tier: str) -> None:
    """Once for each, in each process."""
    log.warning(
        "%s answers in the service tier %s, whose price is not known: such calls are charged at its plain price; "
        "give pool.%s.price.tiers.%s in the config",
        deployment, tier, deployment, tier,
    )  # fmt: skip
