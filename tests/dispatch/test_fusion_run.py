"""Runs over scripted providers in the process: no socket, real concurrency, scripted latencies."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from router.core.frame import analysis_marker, frame_key
from router.core.fusion import FusionControls, Member
from router.core.health import CooldownRules
from router.core.plan import Step
from router.core.types import Attempt, Deployment, Price, Reason, Usage
from router.dispatch.confined import Confined
from router.dispatch.fusion import SCHEMA_CHECKER, Answer, FusionRun, NoAudience, RunOrder, StreamAudience
from router.dispatch.openai_dialect import OpenAIProvider
from router.dispatch.provider import Call, Target
from router.dispatch.scripted import ScriptedTransport
from router.dispatch.single import Dispatcher
from router.dispatch.trip import WRITES_PER_S, Trip
from router.errors import FusionFailed, UpstreamBroken

PRICES = {"judge": 25e-6, "strong": 25e-6, "a": 10e-6, "b": 5e-6, "c": 2e-6, "d": 1e-6}
CHECKER = Confined(SCHEMA_CHECKER)
JUDGE = "latency_ms=5&tokens_per_second=0&judge=1"


def script(**options: Any) -> str:
    return "scripted/instant?" + urlencode(options)


def dispatcher(**models: str) -> Dispatcher:
    models = {"judge": f"scripted/judge?{JUDGE}", "strong": script(reply="Strong alone says so."), **models}
    targets = {}
    for name, model in models.items():
        usd = PRICES[name]
        deployment = Deployment(name, f"scripted/{name}", Price(usd / 5, usd, source="test"), supports={"tools": True})
        targets[name] = Target(deployment, "scripted", model, "http://scripted.invalid/v1")
    provider = OpenAIProvider(ScriptedTransport())
    return Dispatcher(targets, lambda target: provider, CooldownRules(100, 5.0))


def order(
    panel: str = "abc", *, cap_usd: float | None = None, total_s: float = 20.0, body: Mapping[str, Any] | None = None,
    closed: bool | None = False, members: tuple[Member, ...] = (), tool_calls: int = 0, **controls: Any,
) -> RunOrder:  # fmt: skip
    members = members or tuple(map(Member, panel))
    return RunOrder(
        run_id="req_test",
        body={"model": "fusion", "messages": [{"role": "user", "content": "Who built it, and when?"}], **(body or {})},
        panel=members,
        judge="judge",
        alone=(Step("strong", "strong"),),
        strong=("strong",),
        controls=FusionControls(members, "judge", **{"expose": "full", **controls}),
        closed_answer=closed,
        input_tokens=12,
        output_tokens=100,
        cap_usd=cap_usd,
        deadline_s=asyncio.get_running_loop().time() + total_s,
        tool_calls=tool_calls,
    )


async def go(asked: RunOrder, pool: Dispatcher, audience: Any = None) -> tuple[Answer, dict[str, Any], list[Attempt]]:
    attempts: list[Attempt] = []
    run = FusionRun(asked, pool, audience or NoAudience(), attempts, CHECKER)
    answer = await run.answer()
    facts = run.facts()
    costs = [line["cost_usd"] for line in facts["cost"]["lines"]]
    assert len(costs) == len(attempts)
    assert facts["cost"]["total_usd"] == pytest.approx(sum(cost or 0 for cost in costs), abs=1e-12)
    return answer, facts, attempts


class Listener:
    """A caller at the other end of a stream."""

    def __init__(self, *, events: bool = False) -> None:
        self.data: list[bytes] = []
        self.first_s: float | None = None
        self.audience = StreamAudience(self._send, {"id": "x", "model": "m"}, events=events, on_first=self._first)

    async def _send(self, data: bytes) -> None:
        self.data.append(data)

    def _first(self) -> None:
        self.first_s = time.perf_counter()

    @property
    def text(self) -> str:
        chunks = [
            orjson.loads(event[6:]) for event in b"".join(self.data).split(b"\n\n") if event.startswith(b"data: ")
        ]
        return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if "choices" in chunk)


TEXTS = {
    "a": "It was built by Romans, as the inscription on its eastern pier shows beyond doubt.",
    "b": "Nobody knows; the sources contradict each other on every point that matters here.",
    "c": "A guild of masons raised it slowly over several decades of quarrels about money.",
}
OPEN = {name: script(reply=text) for name, text in TEXTS.items()}


async def test_merge_asks_all_and_lets_the_judge_write() -> None:
    answer, facts, attempts = await go(order(), dispatcher(**OPEN))
    assert answer.text.startswith("Scripted judge:")
    assert "consensus" not in answer.text
    assert answer.step == Step("judge", "fusion")
    assert (facts["status"], facts["mode"], facts["judge"]) == ("judged", "merge", "scripted/judge")
    assert facts["analysis"]["blind_spots"] == ("A scripted judge reads nothing.",)
    assert sorted(panelist["label"] for panelist in facts["panel"]) == ["A", "B", "C"]
    assert [attempt.stage for attempt in attempts] == ["panel"] * 3 + ["judge"]
    assert len(facts["responses"]) == 3


async def test_a_defect_that_one_member_meets_costs_the_run_that_member_only(caplog: pytest.LogCaptureFixture) -> None:
    pool, complete = dispatcher(**OPEN), Dispatcher.complete

    async def met(self: Dispatcher, plan: tuple[Step, ...], *more: Any, **named: Any) -> Any:
        if plan[0].deployment == "b":
            raise KeyError("a defect")
        return await complete(self, plan, *more, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dispatcher, "complete", met)
        answer, facts, _ = await go(order(), pool)
    assert answer.text.startswith("Scripted judge:")
    assert [panelist["status"] for panelist in facts["panel"]] == ["ok", "error", "ok"]
    assert facts["failed_models"] == [{"model": "scripted/b", "error": "internal_error", "status_code": 500}]
    assert "asking b failed inside the gateway" in caplog.text


async def test_members_answer_at_the_same_time() -> None:
    slow = {name: script(reply=f"Answer of {name}, and not of another.", latency_ms=150) for name in "abc"}
    _, facts, attempts = await go(order(quorum=3), dispatcher(**slow))
    assert facts["panel_ms"] / 1000 < 0.7 * sum(attempt.duration_s for attempt in attempts[:3])


async def test_the_late_are_cut_off_after_the_grace_awaited_and_billed() -> None:
    pool = dispatcher(**{**OPEN, "c": script(reply="Too late.", latency_ms=10_000)})
    began_s = time.perf_counter()
    _, facts, attempts = await go(order(), pool)
    assert time.perf_counter() - began_s < 1.0
    assert [panelist["status"] for panelist in facts["panel"]] == ["ok", "ok", "late"]
    (line,) = [line for line in facts["cost"]["lines"] if line["status"] == "late"]
    assert line["estimated"]
    done = [
        line["output_tokens"] for line in facts["cost"]["lines"] if line["role"] == "panel" and line["status"] == "ok"
    ]
    assert line["output_tokens"] == sum(done) // 2
    assert line["cost_usd"] == pytest.approx(12 * 2e-6 / 5 + line["output_tokens"] * 2e-6)
    assert len(attempts) == 4
    assert len(asyncio.all_tasks()) == 1


async def test_the_deadline_ends_the_panel_whatever_the_quorum() -> None:
    pool = dispatcher(**{**OPEN, "b": script(latency_ms=9_000), "c": script(latency_ms=9_000)})
    began_s = time.perf_counter()
    answer, facts, _ = await go(order(quorum=3, deadline_s=0.15), pool)
    assert time.perf_counter() - began_s < 4
    assert (answer.text, facts["status"]) == (TEXTS["a"], "degraded")


@pytest.mark.parametrize("habit", ["500", "429", "401", "malformed", "reset", "content_filter", "context_length"])
async def test_who_fails_is_named_and_the_others_go_on(habit: str) -> None:
    _, facts, _ = await go(order(), dispatcher(**{**OPEN, "b": script(fail=habit)}))
    assert facts["status"] == "judged"
    (failed,) = facts["failed_models"]
    assert failed["model"] == "scripted/b"
    assert failed["error"] != "ok"


async def test_an_empty_answer_is_a_failure() -> None:
    _, facts, _ = await go(order(), dispatcher(**{**OPEN, "b": script(fail="empty")}))
    assert [panelist["status"] for panelist in facts["panel"]] == ["ok", "empty", "ok"]
    assert facts["failed_models"][0]["error"] == "upstream_empty"


@pytest.mark.parametrize("nothing", [script(reply="   "), script(reply="x", reasoning_tokens=30)])
async def test_blanks_and_thoughts_without_an_answer_are_empty_too(nothing: str) -> None:
    asked = order(body={"max_tokens": 30}, quorum=3)
    _, facts, _ = await go(asked, dispatcher(**{**OPEN, "b": nothing}))
    assert [panelist["status"] for panelist in facts["panel"]] == ["ok", "empty", "ok"]
    assert len(facts["responses"]) == 2


async def test_one_survivor_is_the_answer_without_a_judge() -> None:
    pool = dispatcher(a=script(fail="500"), b=OPEN["b"], c=script(fail="empty"))
    answer, facts, attempts = await go(order(), pool)
    assert (answer.text, answer.step, facts["status"]) == (TEXTS["b"], Step("b", "fusion"), "degraded")
    assert all(attempt.stage != "judge" for attempt in attempts)


async def test_when_the_judge_fails_the_best_prior_answers() -> None:
    for habit in ("500", "empty", "hang", "malformed"):
        pool = dispatcher(**OPEN, judge=f"scripted/judge?fail={habit}")
        answer, facts, _ = await go(order(total_s=1.5), pool)
        assert (answer.text, facts["status"], facts["analysis"]) == (TEXTS["a"], "degraded", None), habit


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "habit", ["fail=hang", "think_ms=60000&keep_alive_ms=50", "reasoning_tokens=900&tokens_per_second=30"]
)
@pytest.mark.parametrize(("total_s", "deadline_s"), [(60.0, 0.3), (1.2, 60.0)])
async def test_a_judge_that_does_not_come_to_words_in_time_leaves_the_best_members_answer(
    habit: str, streamed: bool, total_s: float, deadline_s: float
) -> None:
    pool = dispatcher(**OPEN, judge=f"scripted/judge?{habit}")
    asked, listener = order(total_s=total_s, deadline_s=deadline_s), Listener()
    began_s = time.perf_counter()
    answer, facts, attempts = await go(asked, pool, listener.audience if streamed else None)
    assert time.perf_counter() - began_s < 1.1
    assert asyncio.get_running_loop().time() < asked.deadline_s, "there is time for it to leave"
    assert (answer.text, facts["status"]) == (TEXTS["a"], "degraded")
    assert not streamed or listener.text == TEXTS["a"]
    assert [(line["role"], line["status"]) for line in facts["cost"]["lines"]][3:] == [("judge", "late")]
    assert attempts[-1].usage is not None
    assert attempts[-1].usage.estimated
    assert pool.health.is_available("judge"), "a caller's deadline is no fault of the judge's"


async def test_a_judge_that_has_begun_may_write_for_longer_than_a_stage_where_its_words_leave_at_once() -> None:
    pool = dispatcher(**OPEN, judge="scripted/judge?latency_ms=0&tokens_per_second=100&judge=1")
    listener, began_s = Listener(), time.perf_counter()
    _, facts, _ = await go(order(deadline_s=0.3), pool, listener.audience)
    assert time.perf_counter() - began_s > 0.4
    assert facts["status"] == "judged"


async def test_a_judge_whose_analysis_cannot_be_read_still_answers() -> None:
    pool = dispatcher(**OPEN, judge=script(reply="The final answer, and nothing else."))
    answer, facts, _ = await go(order(), pool)
    assert (answer.text, facts["status"], facts["analysis"]) == ("The final answer, and nothing else.", "judged", None)


async def test_a_judge_that_writes_only_an_analysis_leaves_the_answer_to_its_choice() -> None:
    pool = dispatcher(**OPEN, judge=script(reply='{"consensus": [], "chosen": "B"}'))
    answer, facts, _ = await go(order(), pool)
    (chosen,) = [response for response in facts["responses"] if response["label"] == "B"]
    assert (answer.text, facts["status"]) == (chosen["content"], "degraded")


async def test_when_nobody_answers_one_is_asked_alone() -> None:
    pool = dispatcher(**{name: script(fail="500") for name in "abc"})
    answer, facts, attempts = await go(order(), pool)
    assert (answer.text, answer.step) == ("Strong alone says so.", Step("strong", "strong"))
    assert (facts["status"], answer.why_alone) == ("degraded", Reason.FALLBACK_ERROR)
    assert attempts[-1].stage == "answer"


async def test_one_that_is_asked_alone_because_the_others_were_late_says_so() -> None:
    late = dispatcher(**{name: script(latency_ms=9_000) for name in "abc"})
    assert (await go(order(deadline_s=0.05), late))[0].why_alone is Reason.FALLBACK_TIMEOUT
    assert (await go(order(), dispatcher(**OPEN)))[0].why_alone is None


async def test_when_that_fails_too_the_reasons_are_given() -> None:
    pool = dispatcher(strong=script(fail="500"), a=script(fail="401"), b=script(fail="empty"), c=script(fail="500"))
    with pytest.raises(FusionFailed, match="a: upstream_auth_failed; b: upstream_empty; c: upstream_error"):
        await go(order(), pool)


async def test_without_time_nobody_is_asked_alone() -> None:
    pool = dispatcher(**{name: script(latency_ms=9_000) for name in "abc"})
    attempts: list[Attempt] = []
    with pytest.raises(FusionFailed, match="a: late; b: late; c: late"):
        await FusionRun(order(total_s=0.6, deadline_s=0.1), pool, NoAudience(), attempts, CHECKER).answer()
    assert [attempt.stage for attempt in attempts] == ["panel"] * 3


async def test_under_a_cap_no_call_is_repeated() -> None:
    pool = dispatcher(**{**OPEN, "b": script(fail="500")})
    for cap_usd, calls in ((1.0, 1), (None, 2)):
        _, _, attempts = await go(order(cap_usd=cap_usd, quorum=3), pool)
        assert [attempt.deployment for attempt in attempts].count("b") == calls


async def test_when_all_agree_there_is_no_judge() -> None:
    pool = dispatcher(a=script(reply="The answer is 1,000 m."), b=script(reply="1 km"), c=script(reply="1000"))
    answer, facts, attempts = await go(order(closed=None, quorum=3), pool)
    assert (answer.text, facts["status"], facts["agreement"]) == ("The answer is 1,000 m.", "agreed", 1.0)
    assert len(attempts) == 3


async def test_early_exit_can_be_switched_off() -> None:
    _, facts, _ = await go(order(early_exit=False), dispatcher(**dict.fromkeys("abc", script(reply="42"))))
    assert facts["status"] == "judged"


async def test_a_vote_goes_to_the_majority_and_to_the_judge_only_on_a_split() -> None:
    pool = dispatcher(a=script(reply="(C)"), b=script(reply="The answer is B."), c=script(reply="Option B"))
    answer, facts, _ = await go(order(mode="vote", quorum=3), pool)
    assert (answer.text, facts["status"]) == ("The answer is B.", "agreed")
    assert facts["agreement"] == pytest.approx(2 / 3, abs=1e-4)
    split = dispatcher(a=script(reply="A"), b=script(reply="B"), c=script(reply="C"))
    assert (await go(order(mode="vote", quorum=3), split))[1]["status"] == "judged"


@pytest.mark.parametrize("closed", [True, False, None])
async def test_auto_votes_where_closed_answers_came_and_merges_where_none_did(closed: bool | None) -> None:
    assert (await go(order(closed=closed), dispatcher(**OPEN)))[1]["mode"] == "merge"
    votes = dispatcher(a=script(reply="12"), b=script(reply="12 km"), c=script(reply="13"))
    _, facts, _ = await go(order(closed=closed, quorum=3), votes)
    assert (facts["mode"], facts["status"]) == ("vote", "agreed")


async def test_open_answers_that_announce_the_same_words_have_not_agreed() -> None:
    long = {name: script(reply=f"{text * 4} The answer is complicated.") for name, text in TEXTS.items()}
    _, facts, _ = await go(order(closed=True), dispatcher(**long))
    assert (facts["mode"], facts["status"]) == ("merge", "judged")


async def test_best_of_returns_a_candidate_untouched() -> None:
    pool = dispatcher(**OPEN, judge=script(reply='{"chosen": "C", "why": "It is specific."}'))
    answer, facts, _ = await go(order(mode="best_of"), pool)
    (chosen,) = [response for response in facts["responses"] if response["label"] == "C"]
    assert (answer.text, facts["status"]) == (chosen["content"], "judged")
    assert facts["analysis"]["why"] == "It is specific."


async def test_best_of_with_an_unreadable_judge_returns_the_best_prior() -> None:
    answer, facts, _ = await go(order(mode="best_of"), dispatcher(**OPEN, judge=script(reply="I like the last one.")))
    assert (answer.text, facts["status"]) == (TEXTS["a"], "degraded")


async def test_in_a_debate_members_see_the_others_and_revise() -> None:
    pool = dispatcher(**{**OPEN, "b": script(echo=1)})
    _, facts, attempts = await go(order(mode="debate", rounds=2), pool)
    assert [attempt.stage for attempt in attempts].count("panel") == 9
    assert facts["status"] == "judged"
    (echoed,) = [response["content"] for response in facts["responses"] if response["model"] == "scripted/b"]
    assert TEXTS["a"] in echoed
    assert "scripted/a" not in echoed


async def test_who_fails_to_revise_keeps_its_first_answer() -> None:
    once = "scripted/instant?" + urlencode({"reply": TEXTS["b"], "context_window": 60})
    _, facts, _ = await go(order(mode="debate"), dispatcher(**{**OPEN, "b": once}))
    assert TEXTS["b"] in [response["content"] for response in facts["responses"]]


async def test_the_same_model_may_sit_twice() -> None:
    members = (Member("a", 1.0, 1), Member("a", 0.2, 2))
    _, facts, attempts = await go(order(members=members, early_exit=False), dispatcher(**OPEN))
    assert [attempt.deployment for attempt in attempts] == ["a", "a", "judge"]
    assert [panelist["label"] for panelist in facts["panel"]] == ["A", "A"]


async def test_a_judge_from_the_panel_is_reported() -> None:
    _, facts, _ = await go(order(members=tuple(map(Member, ("a", "judge")))), dispatcher(**OPEN))
    assert facts["judge_on_panel"]


SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "x",
        "schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    },
}


async def test_structured_output_holds_through_the_judge() -> None:
    pool = dispatcher(a=script(reply='{"n": 1}'), b=script(reply='{"n": 2}'), c=script(reply='{"n": 3}'))
    answer, facts, _ = await go(order(body={"response_format": SCHEMA}), pool)
    assert isinstance(orjson.loads(answer.text)["n"], int)
    assert facts["status"] == "judged"


@pytest.mark.parametrize("reply", ['{"n": "four"}', "not json", '{"n": 4, '])
async def test_where_the_judge_breaks_the_shape_the_best_valid_candidate_answers(reply: str) -> None:
    pool = dispatcher(
        a=script(reply='{"m": 1}'), b=script(reply='{"n": 2}'), c=script(reply='{"n": 3}'), judge=script(reply=reply)
    )
    answer, facts, _ = await go(order(body={"response_format": SCHEMA}), pool)
    assert (answer.text, facts["status"]) == ('{"n": 2}', "degraded")


async def test_equal_json_agrees_whatever_its_spelling_and_different_json_does_not() -> None:
    same = dispatcher(
        a=script(reply='{"n": 1}'), b=script(reply='```json\n{"n":1}\n```'), c=script(reply='{ "n" : 1 }')
    )
    assert (await go(order(body={"response_format": SCHEMA}), same))[1]["status"] == "agreed"


class Recording(ScriptedTransport):
    """Scripted models that keep what they are sent."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[dict[str, str], dict[str, Any]]] = []

    def post(self, url: Any, headers: Any, body: bytes, timeout: Any) -> Any:
        self.seen.append((dict(headers), orjson.loads(body)))
        return super().post(url, headers, body, timeout)


def recorded() -> tuple[Dispatcher, Recording]:
    recording = Recording()
    provider = OpenAIProvider(recording)
    return Dispatcher(dispatcher(**OPEN).targets, lambda target: provider, CooldownRules(3, 5.0)), recording


async def test_each_seat_of_the_same_model_has_its_own_temperature_and_seed_and_the_judge_has_the_callers() -> None:
    pool, recording = recorded()
    members = (Member("a", 1.0, 1), Member("a", 0.0, 0), Member("a"))
    await go(order(members=members, early_exit=False, body={"temperature": 0.5, "seed": 9}, quorum=3), pool)
    asked = [(body.get("temperature"), body.get("seed")) for _, body in recording.seen]
    assert asked == [(1.0, 1), (0.0, 0), (0.5, 9), (0.5, 9)]


async def test_members_are_told_that_they_are_inside_a_run_and_nothing_of_it() -> None:
    pool, recording = recorded()
    await go(order(body={"temperature": 0.3, "n": 1, "max_tokens": 50}), pool)
    assert len(recording.seen) == 4
    for headers, body in recording.seen:
        assert headers["x-router-fusion-depth"] == "1"
        assert body["temperature"] == 0.3
        assert not body.keys() & {"router", "plugins", "n"}
        assert "stream" not in body
    members, (_, judge) = recording.seen[:3], recording.seen[3]
    assert all(len(body["messages"]) == 1 and body["max_tokens"] == 50 for _, body in members)
    assert "scripted/" not in judge["messages"][-1]["content"]


async def test_a_stream_has_the_judges_words_and_nothing_of_the_analysis() -> None:
    listener = Listener()
    answer, facts, attempts = await go(order(), dispatcher(**OPEN), listener.audience)
    assert [attempt.stage for attempt in attempts] == ["panel"] * 3 + ["judge"]
    assert listener.text == answer.text
    assert answer.text.startswith("Scripted judge:")
    assert "consensus" not in b"".join(listener.data).decode()
    assert facts["analysis"]["confidence"] == 0.9


async def test_the_judges_words_leave_while_it_still_writes() -> None:
    pool = dispatcher(**OPEN, judge="scripted/judge?latency_ms=0&tokens_per_second=200&judge=1")
    listener, began_s = Listener(), time.perf_counter()
    await go(order(), pool, listener.audience)
    assert listener.first_s is not None
    assert listener.first_s - began_s < (time.perf_counter() - began_s) / 2


async def test_a_candidate_given_untouched_is_streamed_too() -> None:
    listener = Listener()
    await go(order(), dispatcher(**OPEN, judge=script(fail="500")), listener.audience)
    assert listener.text == TEXTS["a"]


async def test_a_judge_that_breaks_off_in_the_answer_breaks_the_stream_and_in_the_analysis_it_does_not() -> None:
    listener = Listener()
    with pytest.raises(UpstreamBroken):
        await go(order(), dispatcher(**OPEN, judge="scripted/judge?truncate_after=5"), listener.audience)
    assert listener.text
    listener = Listener()
    answer, facts, _ = await go(
        order(), dispatcher(**OPEN, judge="scripted/judge?truncate_after=70"), listener.audience
    )
    assert answer.text == listener.text
    assert facts["status"] == "judged"


@pytest.mark.parametrize("habit", ["truncate_after=1", "reasoning_tokens=50&truncate_after=20", "error_after=1"])
async def test_a_judge_that_breaks_off_before_its_first_word_leaves_the_best_members_answer(habit: str) -> None:
    listener = Listener()
    pool = dispatcher(**OPEN, judge=f"scripted/judge?{habit}")
    answer, facts, attempts = await go(order(), pool, listener.audience)
    assert (answer.text, listener.text, facts["status"]) == (TEXTS["a"], TEXTS["a"], "degraded")
    assert {attempt.stage for attempt in attempts[3:]} >= {"judge"}


async def test_a_judge_that_breaks_off_in_an_analysis_without_an_answer_leaves_its_choice() -> None:
    listener = Listener()
    said = orjson.dumps({"consensus": ["agreed"], "chosen": "B", "blind_spots": ["much " * 200]}).decode()
    pool = dispatcher(**OPEN, judge=script(reply=said, truncate_after=60))
    answer, facts, _ = await go(order(), pool, listener.audience)
    (chosen,) = [response["content"] for response in facts["responses"] if response["label"] == "B"]
    assert (answer.text, listener.text, facts["status"]) == (chosen, chosen, "degraded")


async def test_events_are_sent_to_those_who_ask_and_comments_to_the_others() -> None:
    loud, quiet = Listener(events=True), Listener()
    for listener in (loud, quiet):
        await go(order(quorum=3), dispatcher(**{**OPEN, "b": script(fail="401")}), listener.audience)
    names = [line[7:] for line in b"".join(loud.data).decode().split("\n") if line.startswith("event: ")]
    assert names[0] == "fusion.panel_started"
    assert names[-1] == "fusion.judging"
    assert sorted(names[1:-1]) == ["fusion.member_done", "fusion.member_done", "fusion.member_failed"]
    assert b"event:" not in b"".join(quiet.data)
    assert quiet.data[0].startswith(b": fusion")


async def test_silence_is_broken_by_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.dispatch.fusion.audience.HEARTBEAT_S", 0.05)
    slow = {name: script(reply=text, latency_ms=300) for name, text in TEXTS.items()}
    listener = Listener()
    async with listener.audience.kept_awake():
        await go(order(), dispatcher(**slow), listener.audience)
    assert sum(data == b": fusion panel_started\n\n" for data in listener.data) >= 4


async def test_a_caller_who_hangs_up_cancels_every_call_and_each_is_billed() -> None:
    pool, attempts = dispatcher(**{name: script(latency_ms=9_000) for name in "abc"}), list[Attempt]()
    run = FusionRun(order(), pool, NoAudience(), attempts, CHECKER)
    task = asyncio.create_task(run.answer())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [attempt.outcome for attempt in attempts] == ["aborted"] * 3
    assert all(attempt.cost_usd for attempt in attempts)
    assert all(
        attempt.usage is not None and attempt.usage.output_tokens <= attempt.duration_s * WRITES_PER_S
        for attempt in attempts
    ), "billed by the time they had, not for whole answers"
    assert {panelist["status"] for panelist in run.facts()["panel"]} == {"cancelled"}
    assert len(asyncio.all_tasks()) == 1


def test_a_call_that_is_cut_off_is_billed_by_its_time_and_never_beyond_a_whole_answer() -> None:
    trip = Trip(12, [], output_tokens=300)
    assert [trip.cut_off(after_s).output_tokens for after_s in (0.0, 0.5, 60.0)] == [0, WRITES_PER_S // 2, 300]
    trip.written_tokens = 40
    assert trip.cut_off(60.0) == Usage(12, 40, estimated=True), "what is known of the others goes before"


class Overspender:
    """A provider that does not keep to the limit it is given."""

    async def complete(self, call: Call) -> dict[str, Any]:
        name = call.target.deployment.name
        message = {"role": "assistant", "content": TEXTS.get(name, "judged")}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {"choices": [choice], "usage": {"prompt_tokens": 10, "completion_tokens": 2_000}}

    def stream(self, call: Call) -> Any:
        raise NotImplementedError


async def test_when_members_spent_the_judges_money_there_is_no_judge() -> None:
    pool = dispatcher(**OPEN)
    pool._provider_of = lambda target: Overspender()
    _, facts, attempts = await go(order(cap_usd=0.04, quorum=3), pool)
    assert (facts["status"], facts["given_up"]) == ("degraded", ["judge"])
    assert {attempt.stage for attempt in attempts} == {"panel"}


async def test_under_a_cap_a_judge_that_would_go_on_for_ever_is_bounded_too() -> None:
    calls = FusionRun(order(), dispatcher(**OPEN), NoAudience(), [], CHECKER).calls
    cap_usd = calls.prices.run_usd(calls.plan) * 1.2
    _, facts, _ = await go(order(cap_usd=cap_usd), dispatcher(**OPEN, judge=script(words=50_000)))
    assert facts["status"] == "judged"
    assert cap_usd / 2 < facts["cost"]["total_usd"] <= cap_usd


async def test_a_cap_bounds_the_run_and_what_is_given_up_is_said() -> None:
    whole = FusionRun(order(), dispatcher(**OPEN), NoAudience(), [], CHECKER).calls
    whole_usd = whole.prices.run_usd(whole.plan)
    for share in (1.0, 0.7, 0.5, 0.3, 0.1, 0.01):
        cap_usd = whole_usd * share
        long = {name: script(words=3_000, seed=seed) for seed, name in enumerate("abc")}
        _, facts, attempts = await go(order(cap_usd=cap_usd), dispatcher(**long))
        spent_usd, dearest_usd = facts["cost"]["total_usd"], max(attempt.cost_usd or 0 for attempt in attempts)
        assert spent_usd <= cap_usd + dearest_usd, share
        assert bool(facts["given_up"]) == (share < 1.0)


async def test_fifty_runs_at_once_lose_none_and_every_bill_adds_up() -> None:
    pool = dispatcher(**{n: script(reply=f"{text} {n}", latency_ms=20, latency_tail=4) for n, text in TEXTS.items()},
                      d=script(fail="500", fail_rate=0.3, latency_ms=10))  # fmt: skip
    results = await asyncio.gather(*(go(order("abcd", quorum=3), pool) for _ in range(50)))
    assert len(results) == 50
    assert all(answer.text for answer, _, _ in results)


@pytest.mark.parametrize("key", ["max_tokens", "max_completion_tokens"])
async def test_the_callers_limit_holds_for_the_answer_and_not_for_a_choice(key: str) -> None:
    long = {name: script(reply=f"{text} " + "and so on " * 100) for name, text in TEXTS.items()}
    for audience in (NoAudience(), Listener().audience):
        answer, facts, attempts = await go(order(body={key: 20}), dispatcher(**long), audience)
        assert (attempts[-1].stage, answer.finish_reason) == ("judge", "length")
        assert all(a.usage is not None and a.usage.output_tokens <= 20 for a in attempts)
        assert len(answer.text) < 120
    _, facts, _ = await go(order(mode="best_of", body={key: 20}), dispatcher(**long))
    assert (facts["status"], facts["analysis"]["confidence"]) == ("judged", 0.9)


async def test_a_limit_that_cuts_only_the_analysis_leaves_the_answer_whole() -> None:
    endless = 'The answer.\n\n```json\n{"consensus": ["' + "agreed " * 2_000
    for audience in (NoAudience(), Listener().audience):
        pool = dispatcher(**OPEN, judge=script(reply=endless))
        answer, facts, _ = await go(order(body={"max_tokens": 20}), pool, audience)
        assert (answer.text, answer.finish_reason, facts["status"]) == ("The answer.", "stop", "judged")
        assert facts["analysis"]["consensus"]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_looks_like_an_analysis_is_the_answer_where_the_marker_follows_it(stream: bool) -> None:
    own = '{"consensus": "We ship on Monday.", "dissent": "none"}'
    said = f'{own}\n{analysis_marker(frame_key("req_test"))}\n{{"consensus": ["all agree"], "confidence": 0.5}}'
    listener = Listener()
    pool = dispatcher(**OPEN, judge=script(reply=said, tokens_per_second=5_000))
    answer, facts, _ = await go(order(), pool, listener.audience if stream else NoAudience())
    assert (answer.text, facts["status"], facts["analysis"]["confidence"]) == (own, "judged", 0.5)
    assert not stream or listener.text == own
