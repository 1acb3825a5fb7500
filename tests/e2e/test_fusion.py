"""The panel over real HTTP, through the official client."""

import json
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from openai import APIError, BadRequestError, NotFoundError, OpenAI
from prometheus_client import CollectorRegistry

from router.core.prompt import text_tokens
from router.core.types import Reason
from router.record.metrics import Metrics
from tests.live import LiveGateway, gateway

QUICK = "latency_ms=0&tokens_per_second=0&jitter=0&latency_tail=1&fail_rate=0"
CONFIG = f"""
pool:
  small:   {{model: "scripted/small?{QUICK}"}}
  strong:  {{model: "scripted/strong?{QUICK}"}}
  flash:   {{model: "scripted/flash?{QUICK}"}}
  scholar: {{model: "scripted/scholar?{QUICK}"}}
  skeptic: {{model: "scripted/skeptic?{QUICK}"}}
  judge:   {{model: "scripted/judge?{QUICK}"}}
  twelve:  {{model: "scripted/flash?{QUICK}&answer=12"}}
  scholar12: {{model: "scripted/scholar?{QUICK}&answer=12&latency_ms=1"}}
  thirteen: {{model: "scripted/skeptic?{QUICK}&answer=13"}}
  slow:    {{model: "scripted/scholar?latency_ms=400&tokens_per_second=0&latency_tail=1"}}
  broken:  {{model: "scripted/skeptic?fail=401"}}
routing: {{small: [small], strong: [strong], baseline: strong}}
fusion: {{panel: [flash, scholar, skeptic], judge: judge, tasks: {{chat: true, knowledge: true}}}}
ledger: {{enabled: false, store_text: all}}
server: {{access_log: false, log_level: error}}
"""
SUM: list[Any] = [{"role": "user", "content": "What is 5 + 7? Answer with the number."}]
ASK: list[Any] = [{"role": "user", "content": "Weigh the arguments for and against a carbon tax."}]


@pytest.fixture(scope="module")
def live() -> Iterator[LiveGateway]:
    with gateway(CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def client(live: LiveGateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0) as made:
        yield made


def router_of(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.model_extra["router"]
    return found


FORMS: dict[str, dict[str, Any]] = {
    "the name": {"model": "fusion"},
    "OpenRouter's name": {"model": "openrouter/fusion"},
    "vLLM's name": {"model": "vllm-sr/fusion"},
    "the router object": {"model": "auto", "extra_body": {"router": {"fusion": {}}}},
    "the plugin": {"model": "auto", "extra_body": {"plugins": [{"id": "fusion", "preset": "general-high"}]}},
    "the tool": {"model": "auto", "extra_body": {"tools": [{"type": "openrouter:fusion"}], "tool_choice": "required"}},
    "a named model with the plugin": {"model": "judge", "extra_body": {"plugins": [{"id": "fusion"}]}},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_every_form_asks_the_panel(client: OpenAI, form: dict[str, Any]) -> None:
    response = client.chat.completions.with_raw_response.create(messages=ASK, **form)
    answer = response.parse()
    run = router_of(answer)["fusion"]
    assert answer.choices[0].message.content.startswith("Scripted judge:")
    assert (run["status"], len(run["panel"])) == ("judged", 3)
    assert run["judge"].startswith("scripted/judge")
    assert response.headers["x-router-route"] == "fusion"
    assert response.headers["x-router-model"] == run["judge"]
    assert response.headers["x-router-attempts"] == "4"


@pytest.mark.parametrize("form", ["plugins", "tools"])
def test_what_openrouters_forms_ask_for_is_done(client: OpenAI, form: str) -> None:
    asked = {"analysis_models": ["flash", "skeptic"], "model": "strong", "preset": "general-fast", "max_tool_calls": 2}
    entry = {"id": "fusion", **asked} if form == "plugins" else {"type": "openrouter:fusion", "parameters": asked}
    run = router_of(client.chat.completions.create(model="auto", messages=ASK, extra_body={form: [entry]}))["fusion"]
    assert [seat["deployment"] for seat in run["panel"]] == ["flash", "skeptic"]
    assert run["judge"].startswith("scripted/strong")


PANELIST, JUDGE = "Scripted scholar panelist:", "Scripted judge:"
MODES: dict[str, tuple[dict[str, Any], str, str, int]] = {
    # what is asked → the mode it becomes, what the answer begins with, how many calls
    "merge": ({"mode": "merge"}, "merge", JUDGE, 4),
    "best_of": ({"mode": "best_of", "panel": ["scholar", {"model": "scholar", "seed": 2}], "quorum": 2,
                 "early_exit": False}, "best_of", PANELIST, 3),
    "debate": ({"mode": "debate", "rounds": 2}, "debate", JUDGE, 10),
    "vote": ({"mode": "vote", "panel": ["twelve", "scholar12", "thirteen"], "quorum": 3}, "vote", PANELIST, 3),
    "vote on a split": ({"mode": "vote", "panel": ["twelve", "thirteen"], "quorum": 2}, "vote", JUDGE, 3),
    "auto, open": ({"mode": "auto"}, "merge", JUDGE, 4),
    "auto, closed": ({"panel": ["scholar12", "twelve", "thirteen"], "quorum": 3}, "vote", PANELIST, 3),
}  # fmt: skip


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("asked", MODES.values(), ids=MODES.keys())
def test_every_mode_answers_whole_and_streamed(client: OpenAI, asked: Any, stream: bool) -> None:
    controls, mode, begins, calls = asked
    answer: Any = client.chat.completions.create(
        model="fusion", messages=SUM, stream=stream, extra_body={"router": {"fusion": controls}}
    )
    if stream:
        chunks = list(answer)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        run = router_of(chunks[-1])["fusion"]
    else:
        text, run = answer.choices[0].message.content, router_of(answer)["fusion"]
    assert text.startswith(begins)
    assert run["mode"] == mode
    assert len(run["cost"]["lines"]) == calls
    assert run["cost"]["total_usd"] == pytest.approx(sum(line["cost_usd"] for line in run["cost"]["lines"]))


def test_the_bill_the_usage_the_header_the_record_and_the_metrics_agree(live: LiveGateway, client: OpenAI) -> None:
    response = client.chat.completions.with_raw_response.create(model="fusion", messages=ASK)
    answer = response.parse()
    found = router_of(answer)
    lines = found["fusion"]["cost"]["lines"]
    total = sum(line["cost_usd"] for line in lines)
    record = live.record(response.headers["x-router-request-id"])
    assert found["fusion"]["cost"]["total_usd"] == pytest.approx(total)
    assert answer.usage.model_extra["cost"] == pytest.approx(total)
    assert float(response.headers["x-router-cost-usd"]) == pytest.approx(total, abs=1e-8)
    assert record.cost_usd == pytest.approx(total)
    assert answer.usage.prompt_tokens == sum(line["input_tokens"] for line in lines)
    assert record.fusion is not None
    assert "analysis" not in record.fusion
    assert 0 < (record.baseline_cost_usd or 0) < total
    assert record.answered is not None
    assert record.answered.output_tokens == text_tokens(answer.choices[0].message.content or ""), "as one call's answer"


@pytest.mark.parametrize("include_usage", [True, False])
def test_a_stream_has_the_answer_and_the_facts_in_its_last_chunk(client: OpenAI, include_usage: bool) -> None:
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if include_usage else {}
    chunks = list(client.chat.completions.create(model="fusion", messages=ASK, stream=True, **options))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.startswith("Scripted judge:")
    assert "consensus" not in text
    run = router_of(chunks[-1])["fusion"]
    assert (run["status"], run["analysis"]["confidence"]) == ("judged", 0.9)
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.model for chunk in chunks} == {router_of(chunks[-1])["model"]}
    assert (chunks[-1].usage is not None) == include_usage


async def test_a_stream_begins_at_once_with_events_for_those_who_ask(live: LiveGateway) -> None:
    body = {"model": "auto", "messages": ASK, "stream": True,
            "router": {"fusion": {"panel": ["slow", "flash", "broken"], "quorum": 3, "events": True}}}  # fmt: skip
    began_s = time.perf_counter()
    async with aiohttp.ClientSession() as session, session.post(f"{live.url}/v1/chat/completions", json=body) as reply:
        assert reply.headers["x-router-route"] == "fusion"
        assert "x-router-attempts" not in reply.headers, "nobody knows yet"
        first = await reply.content.readline()
        assert time.perf_counter() - began_s < 0.3
        rest = (await reply.content.read()).decode()
    assert first.startswith(b"event: fusion.panel_started")
    assert [line for line in rest.splitlines() if line.startswith("event:")].count("event: fusion.member_done") == 2
    assert "event: fusion.member_failed" in rest
    assert rest.endswith("data: [DONE]\n\n")


def test_a_run_can_be_read_again(live: LiveGateway, client: OpenAI) -> None:
    answer = client.chat.completions.create(model="fusion", messages=ASK)
    run = router_of(answer)["fusion"]
    kept = client.get(f"/fusion/runs/{run['run_id']}", cast_to=object)
    assert isinstance(kept, dict)
    assert len(kept["responses"]) == 3
    assert kept["cost"] == run["cost"]
    with pytest.raises(NotFoundError):
        client.get("/fusion/runs/req_0", cast_to=object)


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [TOOL]},
        {"tools": [TOOL, {"type": "openrouter:fusion"}]},
        {"n": 2},
        {"extra_headers": {"x-router-fusion-depth": "1"}},
        {"extra_headers": {"x-openrouter-fusion-depth": "1"}},
    ],
)
def test_turns_that_cannot_be_merged_bypass_the_panel(client: OpenAI, body: dict[str, Any]) -> None:
    response = client.chat.completions.with_raw_response.create(model="fusion", messages=ASK, **body)
    assert response.headers["x-router-reason"] == Reason.FUSION_NOT_WORTHWHILE
    assert response.headers["x-router-route"] == "strong"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_gateway_between_two_others_passes_the_depth_on(live: LiveGateway, stream: bool) -> None:
    far = f'{{model: "openai/fusion", api_base: "{live.url}/v1", api_key: any}}'
    config = f"""
pool: {{small: {far}, strong: {far}}}
routing: {{small: [small], strong: [strong]}}
fusion: {{panel: [small, strong], judge: strong}}
ledger: {{enabled: false}}
server: {{access_log: false, log_level: error}}
"""
    for headers, route in (({}, "fusion"), ({"x-router-fusion-depth": "1"}, "strong")):
        live.records.clear()
        with gateway(config) as between, OpenAI(base_url=f"{between.url}/v1", api_key="any", max_retries=0) as client:
            found: Any = client.chat.completions.create(
                model="strong", messages=ASK, stream=stream, extra_headers=headers
            )
            assert list(found) if stream else found.choices
        (record,) = live.wait_for_records(1)
        assert record.decision is not None
        assert record.decision.route == route


def test_a_caller_can_forbid_the_panel(client: OpenAI) -> None:
    for extra in ({"router": {"fusion": False}}, {"plugins": [{"id": "fusion", "enabled": False}]}):
        answer = client.chat.completions.create(model="auto-quality", messages=ASK, extra_body=extra)
        assert router_of(answer)["route"] != "fusion"


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"router": {"fusion": {"judge": "nobody"}}}, "router.fusion.judge"),
        ({"router": {"fusion": {"qourum": 1}}}, "router.fusion.qourum"),
        ({"plugins": [{"id": "fusion", "analysis_models": ["gone"]}]}, "plugins[0].analysis_models[0]"),
        ({"router": {"fusion": 3}}, "router.fusion"),
    ],
)
def test_a_bad_control_is_refused_before_anybody_is_called(client: OpenAI, extra: Any, param: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.chat.completions.create(model="fusion", messages=ASK, extra_body=extra)
    assert caught.value.param == param


def test_without_a_panel_fusion_is_not_served() -> None:
    with gateway() as plain, OpenAI(base_url=f"{plain.url}/v1", api_key="any", max_retries=0) as client:
        with pytest.raises(NotFoundError):
            client.chat.completions.create(model="fusion", messages=ASK)
        with pytest.raises(BadRequestError, match="switched off"):
            client.chat.completions.create(model="auto", messages=ASK, extra_body={"plugins": [{"id": "fusion"}]})


def test_the_dry_run_shows_the_panel_and_its_estimate(client: OpenAI) -> None:
    found = client.post("/route", body={"model": "fusion", "messages": ASK}, cast_to=object)
    assert isinstance(found, dict)
    assert (found["route"], len(found["panel"])) == ("fusion", 3)
    assert found["estimated_cost_usd"]["fusion"] > found["estimated_cost_usd"]["strong"]
    assert "fusion" in {entry.id for entry in client.models.list()}
    easy: Any = client.post("/route", body={"model": "auto", "messages": ASK}, cast_to=object)
    assert easy["route"] == "small"
    assert easy["estimated_cost_usd"]["fusion"] == found["estimated_cost_usd"]["fusion"]


async def test_a_hang_up_cancels_the_run_and_leaves_a_record_with_its_cost(live: LiveGateway) -> None:
    body = {"model": "fusion", "messages": ASK, "stream": True, "router": {"fusion": {"panel": ["slow", "slow"]}}}
    async with aiohttp.ClientSession() as session:
        reply = await session.post(f"{live.url}/v1/chat/completions", json=body)
        request_id = reply.headers["x-router-request-id"]
        await reply.content.readline()
        reply.close()
    record = live.record(request_id)
    assert record.outcome == "aborted"
    assert [attempt.outcome for attempt in record.attempts] == ["aborted", "aborted"]
    assert record.cost_usd
    assert record.baseline_cost_usd, "one call would have been cut off too"
    assert record.answered is not None
    assert record.answered.estimated
    registry = CollectorRegistry()
    Metrics(registry).observe(record)
    counted = {sample.labels["outcome"] for metric in registry.collect() for sample in metric.samples
               if sample.name.startswith("router_fusion") and "outcome" in sample.labels}  # fmt: skip
    assert counted == {"cancelled"}, "its members are counted, and it is no run that failed"


def test_a_member_that_answers_in_the_judges_place_is_named_in_every_chunk() -> None:
    with gateway(CONFIG.replace(f'"scripted/judge?{QUICK}"', '"scripted/judge?fail=401"')) as live:
        with OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0) as client:
            chunks = list(client.chat.completions.create(model="fusion", messages=ASK, stream=True))
    assert router_of(chunks[-1])["fusion"]["status"] == "degraded"
    assert not router_of(chunks[-1])["model"].startswith("scripted/judge")
    assert {chunk.model for chunk in chunks} == {router_of(chunks[-1])["model"]}


def test_when_the_panel_fails_one_model_answers_and_the_reason_says_so(client: OpenAI) -> None:
    extra = {"router": {"fusion": {"panel": ["broken", "broken"]}}}
    response = client.chat.completions.with_raw_response.create(model="fusion", messages=ASK, extra_body=extra)
    run = router_of(response.parse())["fusion"]
    assert (response.headers["x-router-route"], response.headers["x-router-reason"]) == (
        "strong",
        Reason.FALLBACK_ERROR,
    )
    assert (run["status"], [failed["error"] for failed in run["failed_models"]]) == (
        "degraded",
        ["upstream_auth_failed", "upstream_auth_failed"],
    )


def test_when_the_whole_panel_is_left_out_one_model_answers_and_the_reason_says_so() -> None:
    extra = {"router": {"fusion": {"panel": ["broken", "broken"]}}}
    with gateway(CONFIG + "limits: {cooldown_failures: 1}\n") as live:
        with OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0) as client:
            reasons = [
                router_of(client.chat.completions.create(model="fusion", messages=ASK, extra_body=extra))["reason"]
                for _ in range(2)
            ]
        assert reasons == [Reason.FALLBACK_ERROR, Reason.FALLBACK_UNAVAILABLE]
        assert [attempt.deployment for attempt in live.wait_for_records(2)[-1].attempts] == ["strong"]


def test_a_run_for_which_nobody_was_called_names_no_model_streamed_or_not() -> None:
    pool = """
pool: {small: {model: "scripted/small?fail=401"}, strong: {model: "scripted/strong?fail=401"}}
routing: {small: [small], strong: [strong], baseline: strong}
fusion: {panel: [small, strong], judge: strong}
ledger: {enabled: false}
server: {access_log: false, log_level: error}
limits: {cooldown_failures: 1}
"""
    with gateway(pool) as live, OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0) as client:
        for model, stream in (("small", False), ("strong", False), ("fusion", False), ("fusion", True)):
            with pytest.raises(APIError):
                list(client.chat.completions.create(model=model, messages=ASK, stream=stream))
        one, other, *runs = live.wait_for_records(4)
    assert (one.deployment, other.deployment) == ("small", "strong")
    for run in runs:
        assert (run.outcome, run.attempts) == ("fusion_failed", ())
        assert (run.model, run.deployment) == (None, None)


def test_a_cap_that_no_panel_fits_degrades_to_one_call(client: OpenAI) -> None:
    extra = {"router": {"fusion": {"max_cost_usd": 0.0002}}}
    run = router_of(client.chat.completions.create(model="fusion", messages=ASK, extra_body=extra))["fusion"]
    assert run["given_up"][-1] == "panel"
    assert len(run["cost"]["lines"]) == 1


@pytest.mark.parametrize(
    "controls", [{"max_cost_usd": 0.006}, {"max_cost_usd": 0.006, "fusion": {"max_cost_usd": 1.0}},
                 {"max_cost_usd": 1.0, "fusion": {"max_cost_usd": 0.006}}],
)  # fmt: skip
def test_the_smaller_of_the_requests_caps_holds_for_the_run(client: OpenAI, controls: dict[str, Any]) -> None:
    run = router_of(client.chat.completions.create(model="fusion", messages=ASK, extra_body={"router": controls}))
    assert run["fusion"]["given_up"]
    assert run["cost_usd"] <= 0.006


def test_metrics_count_runs_members_stages_and_agreement(live: LiveGateway, client: OpenAI) -> None:
    request_id = router_of(client.chat.completions.create(model="fusion", messages=ASK))["request_id"]
    record, registry = live.record(request_id), CollectorRegistry()
    Metrics(registry).observe(record)
    samples = {sample.name: sample for metric in registry.collect() for sample in metric.samples if sample.value}
    assert samples["router_fusion_runs_total"].labels == {"mode": "merge", "outcome": "judged"}
    assert samples["router_fusion_panelists_total"].labels["outcome"] == "ok"
    assert {"router_fusion_stage_seconds_count", "router_fusion_agreement_count"} <= samples.keys()
    spent = sum(s.value for m in registry.collect() for s in m.samples if s.name == "router_cost_usd_total")
    assert spent == pytest.approx(record.cost_usd)
    assert record.overhead_s["dispatch"] < 0.05
    assert record.fusion is not None
    assert json.dumps(record.fusion)


def test_when_the_judge_fails_the_member_answers_whom_the_classifier_thinks_best() -> None:
    free = "price: {input_usd_per_mtok: 9, output_usd_per_mtok: 9}"
    config = f"""
pool:
  twelve: {{model: "scripted/flash?{QUICK}&answer=12", like: LIKE_TWELVE, {free}}}
  thirteen: {{model: "scripted/skeptic?{QUICK}&answer=13", like: LIKE_THIRTEEN, {free}}}
  judge: {{model: "scripted/judge?fail=401"}}
routing: {{small: [twelve], strong: [twelve, thirteen], baseline: twelve}}
fusion: {{panel: [twelve, thirteen], judge: judge}}
ledger: {{enabled: false}}
server: {{access_log: false, log_level: error}}
"""
    weak, able = "gpt-3.5-turbo", "gpt-4o"
    for twelve, thirteen, best in ((weak, able, "13"), (able, weak, "12")):
        with gateway(config.replace("LIKE_TWELVE", twelve).replace("LIKE_THIRTEEN", thirteen)) as live:
            with OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0) as client:
                answer = client.chat.completions.create(
                    model="fusion", messages=SUM, extra_body={"router": {"fusion": {"mode": "best_of"}}}
                )
        assert best in (answer.choices[0].message.content or "")
