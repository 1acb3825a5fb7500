"""OpenTelemetry spans of finished requests: one a request, a child for every upstream call. No prompt, answer or key.

The only file that imports opentelemetry, and only once a collector is named. Spans are made after the answer has left;
the SDK's own thread sends them.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from router import __version__
from router.core.types import Attempt, Usage
from router.providers import split_model
from router.record.record import RequestRecord

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

Value = str | bool | int | float

OPERATIONS: Mapping[str, str] = {"chat/completions": "chat", "responses": "chat", "embeddings": "embeddings"}
"""Our endpoints in the words of OpenTelemetry's semantic conventions for generative AI."""


class Traces:
    """Turns records into spans and hands them to an exporter."""

    def __init__(self, exporter: "SpanExporter | None" = None) -> None:
        """Export to the collector that OpenTelemetry's variables name, or to ``exporter``, at once (for tests)."""
        from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

        who = {SERVICE_VERSION: __version__}
        if not os.environ.get("OTEL_SERVICE_NAME"):
            who[SERVICE_NAME] = "fusion-router"
        self._provider = TracerProvider(resource=Resource.create(who), shutdown_on_exit=False)
        if exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        else:
            self._provider.add_span_processor(SimpleSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("fusion-router", __version__)

    def add(self, record: RequestRecord) -> None:
        """Make the spans of one request, inside the caller's trace where it sent one."""
        from opentelemetry.trace import SpanKind, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {"traceparent": record.traceparent} if record.traceparent else {}
        whole = self._tracer.start_span(
            f"{OPERATIONS.get(record.endpoint, record.endpoint)} {record.model or 'unrouted'}",
            context=TraceContextTextMapPropagator().extract(carrier),
            kind=SpanKind.SERVER,
            attributes=_request_attributes(record),
            start_time=_nanoseconds(record.started_at),
        )
        _mark(whole, record.outcome)
        inside = set_span_in_context(whole)
        for attempt in record.attempts:
            began_at = record.started_at + attempt.began_s - record.began_s
            call = self._tracer.start_span(
                f"{OPERATIONS.get(record.endpoint, record.endpoint)} {attempt.model}",
                context=inside,
                kind=SpanKind.CLIENT,
                attributes=_call_attributes(record.endpoint, attempt),
                start_time=_nanoseconds(began_at),
            )
            _mark(call, attempt.outcome)
            call.end(_nanoseconds(began_at + attempt.duration_s))
        whole.end(_nanoseconds(record.started_at + record.duration_s))

    def stop(self) -> None:
        """Send what is waiting; gives up by itself where the collector is gone."""
        self._provider.shutdown()


def _mark(span: Any, outcome: str) -> None:
    """An error status and its type, for all that did not end well."""
    from opentelemetry.trace import StatusCode

    if outcome != "ok":
        span.set_status(StatusCode.ERROR)
        span.set_attribute("error.type", outcome)


def _request_attributes(record: RequestRecord) -> dict[str, Value]:
    assessment = record.decision.assessment if record.decision else None
    found: dict[str, Value | None] = {
        "gen_ai.operation.name": OPERATIONS.get(record.endpoint, record.endpoint),
        "gen_ai.request.model": _sendable(record.asked_model[:100]),
        "gen_ai.response.model": record.model,
        "gen_ai.request.stream": record.stream,
        "http.response.status_code": record.status,
        "router.request_id": record.request_id,
        "router.caller": record.caller,
        "router.route": record.route,
        "router.reason": record.reason,
        "router.mode": record.decision.mode if record.decision else None,
        "router.policy": record.policy,
        "router.complexity": assessment.complexity if assessment else None,
        "router.gain": assessment.gain if assessment else None,
        "router.task": assessment.task if assessment else None,
        "router.novelty": assessment.novelty if assessment else None,
        "router.classifier": assessment.artifact if assessment else None,
        "router.cost_usd": record.cost_usd,
        "router.unpriced": record.unpriced,
        "router.baseline": record.baseline,
        "router.baseline_cost_usd": record.baseline_cost_usd,
        "router.attempts": len(record.attempts),
        "router.time_to_first_token_s": record.first_token_s,
        **{f"router.overhead.{station}_s": seconds for station, seconds in record.overhead_s.items() if seconds},
        **_usage_attributes(record.answered),
    }
    return {name: value for name, value in found.items() if value is not None}


def _call_attributes(endpoint: str, attempt: Attempt) -> dict[str, Value]:
    provider, model = split_model(attempt.model)
    found: dict[str, Value | None] = {
        "gen_ai.operation.name": OPERATIONS.get(endpoint, endpoint),
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "router.deployment": attempt.deployment,
        "router.stage": attempt.stage,
        "router.cost_usd": attempt.cost_usd,
        "router.changes": ", ".join(attempt.changes) if attempt.changes is not None else None,
        "router.estimated": attempt.usage.estimated if attempt.usage else None,
        **_usage_attributes(attempt.usage),
    }
    return {name: value for name, value in found.items() if value is not None}


def _usage_attributes(usage: Usage | None) -> dict[str, Value]:
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
    }


def _sendable(text: str) -> str:
    """Text without halves of surrogate pairs: protobuf refuses them, and callers may send them."""
    return text.encode("utf-8", "replace").decode()


def _nanoseconds(at_s: float) -> int:
    return int(at_s * 1e9)
