"""Answering with one model: walk the plan, one attempt after another, until somebody answers.

Laws:

* Every call that was begun ends as exactly one ``Attempt``, whether it answered, failed or was hung up on.
* A stream counts as answered only when its first content is here; until then the plan goes on.
* Time spent waiting for providers is measured apart, so that overhead is our own.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic, perf_counter, time
from typing import Any, TypeVar, get_args

from router.core.answer import words_of_reply
from router.core.health import CooldownRules
from router.core.plan import Failed, Step, has_another, next_step
from router.core.prompt import text_tokens
from router.core.relay import Relay
from router.core.types import Deployment, Stage, Usage
from router.core.usage import read_usage, special_of, usage_with_tier
from router.dispatch.health_book import HealthBook, UnderWay
from router.dispatch.hints import Objection, objections
from router.dispatch.provider import Call, Operation, Provider, Target
from router.dispatch.refusal import refusal_under_200
from router.dispatch.tastes import Changes, Tastes, unheeded
from router.dispatch.trip import Trip
from router.dispatch.unanswered import all_failed, nobody_asked
from router.errors import (
    UpstreamBadReply,
    UpstreamBroken,
    UpstreamError,
    UpstreamIncapable,
    UpstreamRejected,
    UpstreamTimeout,
)

T = TypeVar("T")

DRAIN_S = 0.05
"""How long to wait for the reply's end after ``[DONE]``; usually it is in the same packet."""

BACKOFF_S = 0.1
"""Pause before the same deployment is called again; no pause before another one."""


@dataclass(slots=True)
class Live:
    """An open stream whose first content has come."""

    step: Step
    relay: Relay
    first: bytes
    chunks: AsyncIterator[bytes]
    stack: AsyncExitStack
    began_s: float
    stage: Stage
    call: UnderWay
    changes: Changes | None


class Dispatcher:
    """Calls deployments and remembers how they have been doing."""

    def __init__(
        self,
        targets: Mapping[str, Target],
        provider_of: Callable[[Target], Provider],
        rules: CooldownRules,
        *,
        max_attempts: int = 4,
        on_health: Callable[[str, bool], None] = lambda name, up: None,
    ) -> None:
        """Take the pool, and how each deployment is reached.

        Args:
            targets: the pool by name.
            provider_of: the way out for a target.
            rules: when a deployment is left out.
            max_attempts: calls made for one request at the most.
            on_health: told when a deployment is left out, at first or after a failed probe (False), or comes back (True).
        """
        self.targets = targets
        self.pool: Mapping[str, Deployment] = {name: target.deployment for name, target in targets.items()}
        self._provider_of = provider_of
        self._max_attempts = max_attempts
        self._tastes = Tastes()
        self.health = HealthBook(targets, rules, on_health)
        self._is_available: dict[Operation, Callable[[str], bool]] = {
            operation: partial(self.health.is_available, operation=operation) for operation in get_args(Operation)
        }

    async def complete(self, plan: tuple[Step, ...], body: Mapping[str, Any], deadline_s: float, trip: Trip,
                       operation: Operation = "chat/completions") -> tuple[Step, dict[str, Any]]:  # fmt: skip
        """Answer in one piece.

        Raises:
            UpstreamError: the last failure, when nothing of the plan answered.
            NothingAvailable: every deployment of the plan is cooling down.
        """

        async def call(step: Step, made: Call, under_way: UnderWay) -> dict[str, Any]:
            began_s, stage = perf_counter(), trip.stage
            reply = await self._provider_of(made.target).complete(made)
            usage = read_usage(reply.get("usage"), reply.get("service_tier"))
            if usage is None:
                special = special_of(reply.get("service_tier"))
                usage = Usage(trip.input_tokens, text_tokens(words_of_reply(reply)), estimated=True, special=special)
            trip.note(self.pool[step.deployment], stage, "ok", began_s, usage, made.changes)
            return reply

        return await self._walk(plan, body, deadline_s, trip, call, operation)

    async def open(self, plan: tuple[Step, ...], body: Mapping[str, Any], deadline_s: float, trip: Trip) -> Live:
        """Begin a stream: the first deployment of the plan whose first content comes.

        Raises:
            UpstreamError, NothingAvailable: as ``complete`` does.
        """

        async def call(step: Step, made: Call, under_way: UnderWay) -> Live:
            began_s, stage = perf_counter(), trip.stage
            relay = Relay(body.get("n") or 1, keeps_text=trip.keeps_text)
            async with AsyncExitStack() as stack:
                chunks = await stack.enter_async_context(self._provider_of(made.target).stream(made))
                first = await _first_content(chunks, relay, made.target)
                return Live(step, relay, first, chunks, stack.pop_all(), began_s, stage, under_way, made.changes)

        return (await self._walk(plan, body, deadline_s, trip, call))[1]

    async def pump(
        self,
        live: Live,
        deadline_s: float,
        trip: Trip,
        begin: Callable[[], Awaitable[None]],
        send: Callable[[bytes], Awaitable[None]],
    ) -> None:
        """Pass on what may leave, until the provider's end. The last chunk stays in ``live.relay.close()``.

        Raises:
            UpstreamBroken: bytes have left and the stream broke.
        """
        relay, outcome = live.relay, "aborted"
        try:
            async with asyncio.timeout_at(deadline_s):
                await begin()
                if live.first:
                    await send(live.first)
                if not relay.done:  # all of it may have come with the first content
                    async for data in live.chunks:
                        began_s = perf_counter()
                        passed = relay.feed(data)
                        trip.relayed_s += perf_counter() - began_s
                        if passed:
                            await send(passed)
                        if relay.done:
                            break
                if relay.done:
                    await _drain(live.chunks)
                relay.close()
                if rest := relay.rest():
                    await send(rest)
            outcome = "ok"
            self.health.answered(live.call)
        except UpstreamError as error:
            outcome = error.code
            self.health.failed(live.call, error)
            raise self._broken(live, outcome) from error
        except TimeoutError as error:
            outcome = UpstreamTimeout.code
            raise self._broken(live, outcome) from error
        finally:
            usage = relay.usage or Usage(
                trip.input_tokens, relay.output_tokens, estimated=True, special=special_of(relay.service_tier)
            )
            trip.note(self.pool[live.step.deployment], live.stage, outcome, live.began_s, usage, live.changes)
            await live.stack.aclose()

    async def _walk(
        self,
        plan: tuple[Step, ...],
        body: Mapping[str, Any],
        deadline_s: float,
        trip: Trip,
        call: Callable[[Step, Call, UnderWay], Awaitable[T]],
        operation: Operation = "chat/completions",
    ) -> tuple[Step, T]:
        most = 1 if trip.once else self._max_attempts
        is_available = self._is_available[operation]
        while (step := next_step(plan, trip.failed, self.pool, is_available, most)) is not None:
            if trip.failed and trip.failed[-1].step == step:
                await self._pause(deadline_s, trip)
                if not is_available(step.deployment):
                    continue  # it has failed others meanwhile
            if trip.failed and monotonic() >= deadline_s:
                break
            ends_s = deadline_s
            if len(trip.failed) + 1 < most and len(plan) > 1 and not body.get("stream"):
                # a reply in one piece shows no first byte by which to tell a hang from a long answer: leave half the time
                tried = [failure.step.deployment for failure in trip.failed] + [step.deployment]
                if has_another(plan, tried, self.pool, is_available):
                    ends_s = (monotonic() + deadline_s) / 2
            target = self.targets[step.deployment]
            made = Call(
                target, body, ends_s, operation, trip.headers, trip.around_model,
                self._tastes.changes(target.deployment, body),
            )  # fmt: skip
            try:
                try:
                    return step, await self._attempt(step, made, trip, call)
                except (UpstreamIncapable, UpstreamRejected) as refusal:
                    return step, await self._heeding(refusal, step, made, trip, call)
            except UpstreamError as error:
                trip.failed.append(Failed(step, error))
        names = [step.deployment for step in plan]
        if trip.failed:
            raise all_failed(names, trip.failed, self.health, operation)
        raise nobody_asked(names, self.health, operation)

    async def _heeding(
        self,
        refusal: UpstreamError,
        step: Step,
        made: Call,
        trip: Trip,
        call: Callable[[Step, Call, UnderWay], Awaitable[T]],
    ) -> T:
        """Repeat a refused call at once, as long as what it is refused for can be left out or renamed. That is no failed attempt."""
        heard: tuple[Objection, ...] = ()
        while new := unheeded(objections(refusal, made.body), made.changes or {}):
            heard, trip.rewritten = heard + new, True
            made = replace(made, changes=self._tastes.changes(made.target.deployment, made.body, heard))
            try:
                answer = await self._attempt(step, made, trip, call)
            except (UpstreamIncapable, UpstreamRejected) as error:
                refusal = error
            else:
                self._tastes.learn(step.deployment, heard)
                return answer
        raise refusal

    async def _attempt(
        self, step: Step, made: Call, trip: Trip, call: Callable[[Step, Call, UnderWay], Awaitable[T]]
    ) -> T:
        """Make one call, keep its health and its line; a failure comes out as an ``UpstreamError``."""
        deployment, began_s, stage = self.pool[step.deployment], perf_counter(), trip.stage
        under_way = self.health.called(deployment.name, made.operation)
        try:
            try:
                answer = await call(step, made, under_way)
            except TimeoutError as error:
                raise UpstreamTimeout(f"{deployment.model} did not answer in time.", billed=True) from error
        except UpstreamError as error:
            self.health.failed(under_way, error)
            trip.note(deployment, stage, error.code, began_s, trip.used(error, perf_counter() - began_s), made.changes)
            raise
        except BaseException:
            self.health.abandoned(under_way)
            trip.note(deployment, stage, "aborted", began_s, trip.cut_off(perf_counter() - began_s), made.changes)
            raise
        finally:
            trip.waited_s += perf_counter() - began_s
        (self.health.began if isinstance(answer, Live) else self.health.answered)(under_way)
        return answer

    async def _pause(self, deadline_s: float, trip: Trip) -> None:
        began_s = perf_counter()
        await asyncio.sleep(min(BACKOFF_S, max(0.0, deadline_s - monotonic())))
        trip.waited_s += perf_counter() - began_s

    def _broken(self, live: Live, outcome: str) -> UpstreamBroken:
        model = self.pool[live.step.deployment].model
        return UpstreamBroken(f"The stream from {model} broke before its end ({outcome}).", billed=True)


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """After ``[DONE]``: wait a moment for the connection's end, so that it can be used again; it may never come."""
    with suppress(TimeoutError, UpstreamError):
        async with asyncio.timeout(DRAIN_S):
            async for _ in chunks:
                pass


async def _first_content(chunks: AsyncIterator[bytes], relay: Relay, target: Target) -> bytes:
    try:
        async for data in chunks:
            passed = relay.feed(data)
            if relay.started:
                return passed
            if relay.done:
                break
        relay.close()
    except UpstreamError as error:
        told: UpstreamError | None = None
        if relay.told and not relay.started:  # an error told in an event before any content means what a status would
            told = refusal_under_200({}, relay.told, target, now_s=time())
        elif isinstance(error, UpstreamBroken):  # nothing has left for the caller
            told = UpstreamBadReply(error.message, upstream_status=error.upstream_status, billed=True)
        usage = usage_with_tier({"usage": relay.raw_usage, "service_tier": relay.service_tier})
        if told is None:
            error.usage = usage
            raise
        told.usage = usage
        raise told from None
    return b""
