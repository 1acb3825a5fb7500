"""Spans of real requests, as a collector on loopback receives them."""

import gzip
import json
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from openai import OpenAI
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from router.config.load import parse_settings
from tests.live import POOL, LiveGateway, gateway

SECRET = "my-secret-prompt-text"
FLAKY = POOL.replace("scripted/small?", "scripted/small?fail=500&")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector:
    """An OTLP/HTTP collector that keeps what it is sent."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.raw = b""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.raw += body
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def spans(self) -> list[Span]:
        return [
            span for request in self.requests for resource in request.resource_spans
            for scope in resource.scope_spans for span in scope.spans
        ]  # fmt: skip


def attributes(span: Span) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    made = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    yield made
    made.server.shutdown()


def ask(live: LiveGateway, **more: Any) -> str:
    client = OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0)
    raw = client.chat.completions.with_raw_response.create(
        model="auto", messages=[{"role": "user", "content": f"hi {SECRET}"}], **more
    )
    return raw.headers["x-router-request-id"]


def wait_for_spans(collector: Collector, count: int) -> list[Span]:
    deadline_s = time.monotonic() + 5
    while len(collector.spans) < count and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return collector.spans


def test_a_request_is_one_span_with_a_child_for_every_upstream_call(collector: Collector) -> None:
    with gateway(FLAKY) as live:
        request_id = ask(live, extra_headers={"traceparent": PARENT})
        record = live.record(request_id)
        spans = wait_for_spans(collector, 1 + len(record.attempts))
    whole = next(span for span in spans if span.kind == Span.SPAN_KIND_SERVER)
    calls = [span for span in spans if span.kind == Span.SPAN_KIND_CLIENT]
    said = attributes(whole)
    assert len(calls) == len(record.attempts) >= 2
    assert {call.parent_span_id for call in calls} == {whole.span_id}
    assert whole.trace_id.hex() == PARENT.split("-")[1], "inside the caller's trace"
    assert whole.parent_span_id.hex() == PARENT.split("-")[2]
    assert said["router.request_id"] == request_id
    assert said["router.reason"] == record.reason == "fallback_error"
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.response.model"] == record.model
    assert said["gen_ai.usage.output_tokens"] == record.answered.output_tokens  # type: ignore[union-attr]
    assert said["router.cost_usd"] == pytest.approx(record.cost_usd)
    assert said["router.complexity"] == pytest.approx(record.decision.assessment.complexity)  # type: ignore[union-attr]
    for call, attempt in zip(calls, record.attempts, strict=True):
        assert attributes(call)["gen_ai.provider.name"] == "scripted"
        assert attributes(call).get("error.type", "ok") == attempt.outcome
        assert whole.start_time_unix_nano <= call.start_time_unix_nano <= call.end_time_unix_nano
        assert call.end_time_unix_nano <= whole.end_time_unix_nano
    assert SECRET.encode() not in collector.raw


def test_what_is_waiting_is_sent_before_the_gateway_ends(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    with gateway(POOL) as live:
        live.record(ask(live, stream=False))
        assert collector.spans == []
        live.server.should_exit = True
        spans = wait_for_spans(collector, 2)
    assert len(spans) == 2


def test_a_model_name_that_utf8_cannot_say_is_still_in_its_span(collector: Collector) -> None:
    with gateway(POOL) as live:
        reply = httpx.post(
            f"{live.url}/v1/chat/completions",
            content=b'{"model":"x\\ud800","messages":[{"role":"user","content":"hi"}]}',
        )
        spans = wait_for_spans(collector, 1)
    assert reply.status_code == 404
    assert attributes(spans[0])["gen_ai.request.model"] == "x?"


def test_a_collector_that_is_gone_costs_no_request_and_is_told_of_in_json_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    said: list[str] = []
    with gateway(POOL) as live:
        assert [live.record(ask(live)).outcome for _ in range(3)] == ["ok"] * 3
        deadline_s = time.monotonic() + 10
        while not any("export" in message for message in said) and time.monotonic() < deadline_s:
            time.sleep(0.05)
            said += [json.loads(line).get("message", "") for line in capsys.readouterr().err.splitlines()]
    assert any("export" in message for message in said)


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_opentelemetrys_own_variables_turn_traces_on_and_off(env: dict[str, str], wanted: bool) -> None:
    assert parse_settings(POOL, "test.yaml", env).traces is wanted


@pytest.mark.parametrize("missing", ["opentelemetry", "opentelemetry.exporter", "opentelemetry.sdk"])
def test_a_collector_without_the_package_is_a_warning_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """The API alone is there in every installation: it comes along with FastAPI."""
    for name in [name for name in sys.modules if name.startswith(f"{missing}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    settings = parse_settings(POOL, "test.yaml", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"})
    assert not settings.traces
    said = (
        "OTEL_EXPORTER_OTLP_ENDPOINT: is set, but OpenTelemetry is not installed; pip install '.[otel]' in the checkout"
    )
    assert str(settings.warnings[0]) == said
