"""The dispatcher over a provider whose every call does as the test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any, NoReturn

import pytest

from router.core.health import CooldownRules
from router.core.plan import Step
from router.core.relay import event_bytes
from router.core.types import Deployment, Price, Special, Usage
from router.dispatch.provider import Call, Target
from router.dispatch.single import BACKOFF_S, Dispatcher
from router.dispatch.trip import Trip
from router.errors import (
    NothingAvailable,
    OutOfFiles,
    UpstreamBadReply,
    UpstreamBroken,
    UpstreamEmpty,
    UpstreamError,
    UpstreamFailed,
    UpstreamIncapable,
    UpstreamModelMissing,
    UpstreamRateLimited,
    UpstreamTimeout,
)

HI = {"choices": [{"message": {"content": "hi"}}]}
NOTHING: dict[str, Any] = {}
LIMITED = {"max_tokens": 77}
MISNAMED = UpstreamIncapable("Use 'max_completion_tokens' instead.", param="max_tokens")
Act = Callable[[Call], Awaitable[dict[str, Any]]]


class Actor:
    """A provider that plays its acts one after another, the last for ever; and the dispatcher that calls it."""

    def __init__(self, *acts: Act, names: str = "a", rules: CooldownRules | None = None, **options: Any) -> None:
        self.acts = list(acts)
        self.calls: list[Call] = []
        self.heard: list[tuple[str, bool]] = []
        targets = {name: Target(Deployment(name, f"openai/{name}"), "openai", name) for name in names}
        self.plan = tuple(Step(name, "direct") for name in names)
        self.dispatcher = Dispatcher(
            targets,
            lambda target: self,
            rules or CooldownRules(3, 5.0),
            on_health=lambda *news: self.heard.append(news),
            **options,
        )
        self.health = self.dispatcher.health

    async def complete(self, call: Call) -> dict[str, Any]:
        self.calls.append(call)
        return await (self.acts.pop(0) if len(self.acts) > 1 else self.acts[0])(call)

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[AsyncIterator[bytes]]:
        self.calls.append(call)
        act: Any = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
        chunks = act(call)
        first = await anext(chunks)
        yield chain(first, chunks)

    async def ask(
        self, operation: Any = "chat/completions", total_s: float = 60.0, body: Any = NOTHING, **trip: Any
    ) -> Trip:
        """One request; its trip, however it ended."""
        made = Trip(8, [], **trip)
        with suppress(UpstreamError, NothingAvailable):
            await self.dispatcher.complete(self.plan, body, monotonic() + total_s, made, operation)
        return made

    async def ask_for_a_stream(self, total_s: float = 60.0) -> tuple[Trip, bytes]:
        """One streamed request; its trip and what left for the caller, however it ended."""
        trip, passed = Trip(8, []), bytearray()

        async def begin() -> None:
            pass

        async def send(data: bytes) -> None:
            passed.extend(data)

        ends_s = monotonic() + total_s
        with suppress(UpstreamError, NothingAvailable):
            live = await self.dispatcher.open(self.plan, {"stream": True}, ends_s, trip)
            await self.dispatcher.pump(live, ends_s, trip, begin, send)
        return trip, bytes(passed)

    async def wait_until_called(self, times: int) -> None:
        while len(self.calls) < times:
            await asyncio.sleep(0)


def says(reply: dict[str, Any] = HI) -> Act:
    async def act(call: Call) -> dict[str, Any]:
        return reply

    return act


def fails(error: UpstreamError) -> Act:
    async def act(call: Call) -> dict[str, Any]:
        raise error

    return act


def waits_for(gate: asyncio.Event, then: Act) -> Act:
    async def act(call: Call) -> dict[str, Any]:
        await gate.wait()
        return await then(call)

    return act


async def chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for data in rest:
        yield data


def event(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    return event_bytes({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more})


ROLE, HELLO, STOP, DONE = (
    event({"role": "assistant"}),
    event({"content": "hello"}),
    event({}, "stop"),
    b"data: [DONE]\n\n",
)


def streams(*parts: bytes | float | UpstreamError) -> Any:
    """Sends bytes, waits for seconds, fails."""

    async def act(call: Call) -> AsyncIterator[bytes]:
        for part in parts:
            if isinstance(part, bytes):
                yield part
            elif isinstance(part, float):
                await asyncio.sleep(part)
            else:
                raise part

    return act


ONE_FAILURE = CooldownRules(failures=1, first_s=0.05)


async def test_calls_that_fail_together_leave_a_deployment_out_once() -> None:
    gate = asyncio.Event()
    actor = Actor(waits_for(gate, fails(UpstreamFailed("x"))), rules=CooldownRules(3, 5.0), max_attempts=1)
    burst = [asyncio.create_task(actor.ask()) for _ in range(12)]
    await actor.wait_until_called(12)
    gate.set()
    await asyncio.gather(*burst)
    assert actor.heard == [("a", False)]
    assert actor.health.wait_s("a", "chat/completions") <= 5.0


async def test_failures_with_an_answer_between_them_are_not_consecutive() -> None:
    failing = fails(UpstreamFailed("x"))
    actor = Actor(failing, failing, says(), failing, failing, says(), max_attempts=1)
    for _ in range(6):
        await actor.ask()
    assert actor.heard == []


@pytest.mark.parametrize(("ends", "left_out"), [((STOP, DONE), False), ((UpstreamFailed("x"),), True)])
async def test_a_stream_that_has_begun_clears_no_failures_before_it_has_ended_well(
    ends: tuple[Any, ...], left_out: bool
) -> None:
    failing = streams(UpstreamFailed("x"))
    actor = Actor(failing, failing, streams(HELLO, *ends), says(), max_attempts=1)
    for _ in range(3):
        await actor.ask_for_a_stream()
    assert actor.health.is_available("a") is not left_out


async def test_an_answer_that_was_under_way_does_not_end_a_retry_after() -> None:
    gate = asyncio.Event()
    actor = Actor(waits_for(gate, says()), fails(UpstreamRateLimited("x", retry_after_s=60)))
    older = asyncio.create_task(actor.ask())
    await actor.wait_until_called(1)
    await actor.ask()
    gate.set()
    assert [attempt.outcome for attempt in (await older).attempts] == ["ok"]
    assert not actor.health.is_available("a")
    assert actor.heard == [("a", False)]


async def test_a_longer_cooldown_is_told_too() -> None:
    actor = Actor(fails(UpstreamFailed("x")), rules=ONE_FAILURE, max_attempts=1)
    await actor.ask()
    await asyncio.sleep(0.06)
    await actor.ask()
    assert actor.heard == [("a", False)] * 2


async def test_a_retry_after_that_comes_while_the_probe_is_out_is_heeded_and_no_news() -> None:
    older_may, probe_may = asyncio.Event(), asyncio.Event()
    actor = Actor(
        waits_for(older_may, fails(UpstreamRateLimited("x", retry_after_s=60))),
        fails(UpstreamFailed("x")),
        waits_for(probe_may, says()),
        rules=ONE_FAILURE,
        max_attempts=1,
    )
    older = asyncio.create_task(actor.ask())
    await actor.wait_until_called(1)
    await actor.ask()
    await asyncio.sleep(0.06)
    probe = asyncio.create_task(actor.ask())
    await actor.wait_until_called(3)
    older_may.set()
    await older
    assert actor.health.wait_s("a", "chat/completions") > 50
    assert actor.heard == [("a", False)], "it was out all the while"
    probe.cancel()
    await asyncio.wait([probe])


async def test_who_hangs_up_gives_back_the_probe_only_if_it_was_his() -> None:
    gate = asyncio.Event()
    slow = waits_for(gate, says())
    actor = Actor(slow, fails(UpstreamFailed("x")), slow, rules=ONE_FAILURE, max_attempts=1)
    older = asyncio.create_task(actor.ask())
    await actor.wait_until_called(1)
    await actor.ask()
    await asyncio.sleep(0.06)
    probe = asyncio.create_task(actor.ask())
    await actor.wait_until_called(3)
    older.cancel()
    await asyncio.wait([older])
    assert not actor.health.is_available("a"), "the probe is still out"
    probe.cancel()
    await asyncio.wait([probe])
    assert actor.health.is_available("a")


async def test_a_call_that_never_left_says_nothing_of_the_deployment_and_gives_the_probe_back() -> None:
    actor = Actor(fails(UpstreamFailed("x")), fails(OutOfFiles("x")), rules=ONE_FAILURE, max_attempts=1)
    await actor.ask()
    await asyncio.sleep(0.06)
    await actor.ask()
    assert actor.heard == [("a", False)], "it has not come back"
    assert actor.health.is_available("a"), "another may be the probe"


async def test_a_probe_whose_stream_has_begun_lets_others_in_before_it_has_ended() -> None:
    actor = Actor(streams(UpstreamFailed("x")), streams(HELLO, 60.0), rules=ONE_FAILURE, max_attempts=1)
    await actor.ask_for_a_stream()
    await asyncio.sleep(0.06)
    probe = asyncio.create_task(actor.ask_for_a_stream())
    await actor.wait_until_called(2)
    async with asyncio.timeout(5):
        while not actor.health.is_available("a"):
            await asyncio.sleep(0)
    assert actor.heard == [("a", False), ("a", True)]
    probe.cancel()
    await asyncio.wait([probe])


async def test_an_error_that_is_not_the_deployments_shows_that_it_is_back() -> None:
    actor = Actor(fails(UpstreamFailed("x")), fails(UpstreamEmpty("x")), rules=ONE_FAILURE, max_attempts=1)
    await actor.ask()
    await asyncio.sleep(0.06)
    for _ in range(3):
        await actor.ask()
    assert actor.heard == [("a", False), ("a", True)], "which is told once"


@pytest.mark.parametrize(("wrong", "right"), [("embeddings", "chat/completions"), ("chat/completions", "embeddings")])
async def test_what_a_deployment_does_not_serve_takes_from_nobody_what_it_does(
    wrong: str, right: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(call: Call) -> dict[str, Any]:
        if call.operation == wrong:
            raise UpstreamModelMissing("x")
        return HI

    actor = Actor(act)
    for _ in range(4):
        await actor.ask(wrong)
    assert len(actor.calls) == 3, "it is left out for what it does not serve"
    (told,) = warnings(caplog)
    assert told.startswith("a (embeddings) is left out" if wrong == "embeddings" else "a is left out")
    assert [attempt.outcome for attempt in (await actor.ask(right)).attempts] == ["ok"]
    assert len(warnings(caplog)) == 1, "that does not say that it serves the other again"
    assert actor.heard == [("a", False)], "it is still left out for one thing"


async def test_a_deployment_is_back_when_it_is_left_out_for_nothing_any_more() -> None:
    failing = {"chat/completions", "embeddings"}

    async def act(call: Call) -> dict[str, Any]:
        if call.operation in failing:
            raise UpstreamRateLimited("x", retry_after_s=0.05)
        return HI

    actor = Actor(act, max_attempts=1)
    await actor.ask("chat/completions")
    await actor.ask("embeddings")
    assert actor.heard == [("a", False)] * 2
    failing.clear()
    await asyncio.sleep(0.06)
    gate = asyncio.Event()
    actor.acts = [waits_for(gate, act), act]
    probe = asyncio.create_task(actor.ask("chat/completions"))
    await actor.wait_until_called(3)
    await actor.ask("embeddings")
    assert actor.heard[2:] == [], "its chat is being tried"
    gate.set()
    await probe
    assert actor.heard[2:] == [("a", True)]
    failing.add("embeddings")
    await actor.ask("embeddings")
    await asyncio.sleep(0.06)
    await actor.ask("chat/completions")
    assert actor.heard[3:] == [("a", False), ("a", True)], "what nobody asks it for leaves nobody out"


async def test_a_burst_of_rate_limits_is_told_once_and_a_failed_probe_anew(caplog: pytest.LogCaptureFixture) -> None:
    gate, waits_s = asyncio.Event(), iter([*(0.1 + 0.001 * n for n in range(12)), 60.0])

    async def act(call: Call) -> dict[str, Any]:
        await gate.wait()
        raise UpstreamRateLimited("x", retry_after_s=next(waits_s))

    actor = Actor(act, max_attempts=1)
    burst = [asyncio.create_task(actor.ask()) for _ in range(12)]
    await actor.wait_until_called(12)
    gate.set()
    await asyncio.gather(*burst)
    assert (actor.heard, len(warnings(caplog))) == ([("a", False)], 1)
    await asyncio.sleep(actor.health.wait_s("a", "chat/completions") + 0.01)
    await actor.ask()
    assert (actor.heard, len(warnings(caplog))) == ([("a", False)] * 2, 2)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize(
    ("options", "trip", "share"),
    [({}, {}, 0.5), ({"max_attempts": 1}, {}, 1.0), ({}, {"once": True}, 1.0)],
)
async def test_half_of_the_time_is_left_for_another_where_another_may_follow(
    options: dict[str, Any], trip: dict[str, Any], share: float
) -> None:
    actor = Actor(says(), names="ab", **options)
    began_s = monotonic()
    await actor.ask(total_s=100.0, **trip)
    assert actor.calls[0].deadline_s - began_s == pytest.approx(100 * share, abs=1)


async def test_no_time_is_left_for_one_that_is_cooling_down() -> None:
    actor = Actor(fails(UpstreamRateLimited("x", retry_after_s=60)), says(), names="ab")
    await actor.ask()
    began_s = monotonic()
    await actor.ask(total_s=100.0)
    assert actor.calls[-1].deadline_s - began_s == pytest.approx(100, abs=1)


async def test_where_the_time_is_over_nobody_else_is_called() -> None:
    async def fails_late(call: Call) -> dict[str, Any]:
        await asyncio.sleep(0.03)
        raise UpstreamFailed("x")

    trip = await Actor(fails_late, names="ab").ask(total_s=0.02)
    assert len(trip.attempts) == 1


async def test_one_that_failed_others_during_the_pause_is_not_called_again() -> None:
    error = fails(UpstreamFailed("x"))
    actor = Actor(error, fails(UpstreamRateLimited("x", retry_after_s=60)), says(), names="ab")
    first = asyncio.create_task(actor.ask())
    await actor.wait_until_called(1)
    await actor.ask()
    assert [attempt.deployment for attempt in (await first).attempts] == ["a", "b"]


async def test_before_the_same_deployment_is_called_again_there_is_a_pause_that_counts_as_waiting() -> None:
    called_s = []

    async def fails_once(call: Call) -> dict[str, Any]:
        called_s.append(monotonic())
        if len(called_s) == 1:
            raise UpstreamFailed("x")
        return HI

    trip = await Actor(fails_once).ask()
    assert called_s[1] - called_s[0] >= BACKOFF_S * 0.99
    assert trip.waited_s >= BACKOFF_S * 0.99


async def test_a_fields_refused_name_takes_neither_a_pause_nor_a_try_nor_half_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    misnamed = fails(MISNAMED)
    with monkeypatch.context() as patched:
        patched.setattr("router.dispatch.single.BACKOFF_S", 60.0)
        async with asyncio.timeout(5):
            trip = await Actor(misnamed, says(), max_attempts=1).ask(body=LIMITED)
    assert [(attempt.outcome, attempt.stage) for attempt in trip.attempts] == [
        ("capability_unavailable", "answer"),
        ("ok", "retry"),
    ]

    actor = Actor(misnamed, fails(UpstreamTimeout("x")), says(), names="ab", max_attempts=2)
    began_s = monotonic()
    trip = await actor.ask(total_s=100.0, body=LIMITED)
    assert [attempt.deployment for attempt in trip.attempts] == ["a", "a", "b"], "it may still fall back"
    shares = [round((call.deadline_s - began_s) / 100, 1) for call in actor.calls]
    assert shares == [0.5, 0.5, 1.0]

    trip = await Actor(misnamed, fails(UpstreamFailed("x")), says()).ask(body=LIMITED)
    assert [attempt.outcome for attempt in trip.attempts][-2:] == ["upstream_error", "ok"], "it may still be retried"


async def test_who_refuses_the_other_name_too_has_failed() -> None:
    trip = await Actor(fails(MISNAMED), max_attempts=2).ask(body=LIMITED)
    assert len(trip.attempts) == 2


USED = {"prompt_tokens": 100, "completion_tokens": 5_000}


def test_a_tier_without_a_price_is_charged_plainly_and_said_once_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    deployment = Deployment("dear", "openai/x", Price(1e-6, 2e-6, tiers={"flex": Price(5e-7, 1e-6)}))
    trip = Trip(8, [])
    for tier in ("flex", "turbo", "turbo"):
        trip.note(deployment, "answer", "ok", 0.0, Usage(1_000_000, 0, special=Special(tier)))
    assert [(call.cost_usd, call.is_plain) for call in trip.attempts] == [(0.5, False), (1, True), (1, True)]
    (said,) = [record.getMessage() for record in caplog.records]
    assert "dear answers in the service tier turbo" in said
    assert "pool.dear.price.tiers.turbo" in said


async def test_what_a_failed_call_used_is_booked_as_the_provider_reported_it() -> None:
    empty = UpstreamEmpty("x", billed=True)
    empty.usage = USED
    (attempt, _) = (await Actor(fails(empty)).ask()).attempts
    assert attempt.usage == Usage(100, 5_000)
    tier = {"service_tier": "flex"}
    trip, _ = await Actor(
        streams(event({"role": "assistant"}, **tier), event({}, "stop", usage=USED), DONE)
    ).ask_for_a_stream()
    assert [attempt.usage for attempt in trip.attempts] == [Usage(100, 5_000, special=Special("flex"))] * 2
    trip, _ = await Actor(streams(ROLE, event({}, "stop", usage=USED), DONE)).ask_for_a_stream()
    assert [attempt.usage for attempt in trip.attempts] == [Usage(100, 5_000)] * 2
    told = event_bytes({"error": {"message": "slow down", "code": 429}})
    trip, _ = await Actor(streams(event({}, usage=USED), told)).ask_for_a_stream()
    assert [(attempt.outcome, attempt.usage) for attempt in trip.attempts] == [
        ("upstream_rate_limited", Usage(100, 5_000))
    ]


@pytest.mark.parametrize("told", [False, True])
async def test_a_call_that_ran_out_of_time_is_booked_as_one_that_was_hung_up_on(told: bool) -> None:
    async def hangs(call: Call) -> dict[str, Any]:
        await asyncio.sleep(0.05)
        raise UpstreamTimeout("x", billed=True) if told else TimeoutError

    (attempt,) = (await Actor(hangs).ask(output_tokens=3)).attempts
    assert attempt.usage == Usage(8, 3, estimated=True)


async def test_a_call_that_timed_out_before_it_was_taken_costs_nothing() -> None:
    (attempt,) = (await Actor(fails(UpstreamTimeout("x"))).ask(output_tokens=3)).attempts
    assert attempt.usage is None


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(UpstreamTimeout("x", billed=True), "upstream_timeout"), (UpstreamBroken("x", billed=True), "upstream_bad_reply")],
)
async def test_until_its_first_content_a_stream_that_fails_is_left_for_another(
    error: UpstreamError, outcome: str
) -> None:
    actor = Actor(streams(ROLE, b": busy\n\n", error), streams(HELLO, STOP, DONE), names="ab")
    trip, passed = await actor.ask_for_a_stream()
    *failed, last = [attempt.outcome for attempt in trip.attempts]
    assert (failed[0], last) == (outcome, "ok")
    assert passed == HELLO


async def test_a_reply_that_cannot_be_read_is_booked_with_its_prompt_and_no_guess_at_its_answer() -> None:
    async def act(call: Call) -> NoReturn:
        await asyncio.sleep(0.05)
        raise UpstreamBadReply("x", billed=True)

    trip = await Actor(act, max_attempts=1).ask(output_tokens=500)
    assert [attempt.usage for attempt in trip.attempts] == [Usage(8, 0, estimated=True)]


async def test_the_total_deadline_ends_a_stream_that_goes_on() -> None:
    trip, passed = await Actor(streams(HELLO, 0.5, HELLO, STOP, DONE)).ask_for_a_stream(total_s=0.1)
    assert [attempt.outcome for attempt in trip.attempts] == ["upstream_timeout"]
    assert passed == HELLO


async def test_a_stream_is_read_behind_its_end_so_that_its_connection_can_be_used_again() -> None:
    read_to_the_end = []

    async def act(call: Call) -> AsyncIterator[bytes]:
        for data in (HELLO, STOP, DONE):
            yield data
        read_to_the_end.append(True)

    await Actor(act).ask_for_a_stream()  # type: ignore[arg-type]
    assert read_to_the_end


async def test_a_connection_that_stays_open_behind_the_end_keeps_nobody_waiting() -> None:
    async with asyncio.timeout(5):
        trip, _ = await Actor(streams(HELLO, STOP, DONE, 60.0)).ask_for_a_stream()
    assert [attempt.outcome for attempt in trip.attempts] == ["ok"]


async def test_a_stream_that_comes_whole_in_one_packet_is_over_though_its_connection_stays_open() -> None:
    async with asyncio.timeout(5):
        trip, passed = await Actor(streams(HELLO + STOP + DONE, 60.0)).ask_for_a_stream()
        assert ([attempt.outcome for attempt in trip.attempts], passed) == (["ok"], HELLO)
        trip, _ = await Actor(streams(ROLE + STOP + DONE, 60.0), max_attempts=1).ask_for_a_stream()
        assert [attempt.outcome for attempt in trip.attempts] == ["upstream_empty"]


async def test_what_only_the_streams_end_lets_go_leaves_with_it() -> None:
    end = event({"content": "bye"}, "stop").removesuffix(b"\n\n")
    trip, passed = await Actor(streams(ROLE + end)).ask_for_a_stream()
    assert ([attempt.outcome for attempt in trip.attempts], passed) == (["ok"], ROLE)


async def test_a_stream_that_ended_well_starts_the_count_of_failures_anew() -> None:
    broken = streams(HELLO, UpstreamFailed("x"))
    actor = Actor(broken, broken, streams(HELLO, STOP, DONE), broken)
    for _ in range(5):
        await actor.ask_for_a_stream()
    assert actor.health.is_available("a")
    await actor.ask_for_a_stream()
    assert not actor.health.is_available("a")
