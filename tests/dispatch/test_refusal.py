"""Statuses and error bodies of providers."""

import dataclasses
from email.utils import formatdate

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from router import errors
from router.core.types import Deployment
from router.dispatch.provider import Target
from router.dispatch.refusal import read_complaint, refusal, refusal_under_200, retry_after_s

KEY = "0123-plain-looking-secret"
TARGET = Target(Deployment("small", "openai/x"), "openai", "x", "http://h/v1", KEY, headers={"api-key": "azure-secret"})
NOW_S = 1_800_000_000.0


def refused(status: int, body: object = None, **headers: str) -> errors.UpstreamError:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return refusal(status, CIMultiDict(headers), raw, TARGET, now_s=NOW_S)


@given(st.integers(100, 599).filter(lambda status: status != 200), st.binary(max_size=300))
def test_every_status_with_any_body_is_an_upstream_error(status, raw):
    error = refused(status, raw)
    assert isinstance(error, errors.UpstreamError)
    assert error.upstream_status == status


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 999) | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["error", "message", "code", "type", "param", "innererror", "detail"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read_as_a_complaint(body):
    refused(400, body)
    assert isinstance(read_complaint(orjson.dumps(body)).message, str)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "insufficient_quota", "type": "requests"}, "insufficient_quota"),
        ({"code": None, "type": "rate_limit_error"}, "rate_limit_error"),
        ({"code": 429, "type": "tokens", "message": "the prompt was: zebra"}, "tokens"),
        ({"code": "the prompt was: zebra"}, None),
        ({"code": "sk_live_0123456789"}, None),
        ({"code": "api-secret"}, None),
        ({"code": "letters_alone"}, "[redacted]"),
    ],
)
def test_the_log_is_given_a_providers_code_and_never_a_sentence_or_a_key(error, code):
    target = dataclasses.replace(TARGET, api_key="letters_alone")
    raw = orjson.dumps({"error": error})
    assert refusal(429, CIMultiDict(), raw, target, now_s=NOW_S).upstream_code == code


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"code": "context_length_exceeded", "message": "x"}}, errors.UpstreamContextTooLong),
        (400, {"error": {"message": "the maximum context length is 8192"}}, errors.UpstreamContextTooLong),
        (400, {"object": "error", "message": "maximum context length"}, errors.UpstreamContextTooLong),
        (400, {"error": {"type": "exceed_context_size_error", "message": "x"}}, errors.UpstreamContextTooLong),
        (400, {"error": {"message": "prompt is too long: 250000 tokens > 200000"}}, errors.UpstreamContextTooLong),
        (413, {"error": {"message": "Request too large"}}, errors.UpstreamContextTooLong),
        (400, {"error": {"code": "content_filter", "message": "x"}}, errors.UpstreamFiltered),
        (400, {"error": {"innererror": {"code": "ResponsibleAIPolicyViolation"}}}, errors.UpstreamFiltered),
        (400, [{"error": {"code": 400, "message": "API key not valid."}}], errors.UpstreamAuthFailed),
        (400, {"error": {"message": "foo/bar is not a valid model ID", "code": 400}}, errors.UpstreamModelMissing),
        (404, {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}, errors.UpstreamModelMissing),
        (404, {"error": {"message": "No such file", "param": "messages[0].file_id"}}, errors.UpstreamRejected),
        (404, {"error": {"message": "No such model", "param": "model"}}, errors.UpstreamModelMissing),
        (404, {"error": {"message": "No endpoints found for x/y.", "code": 404}}, errors.UpstreamModelMissing),
        (404, {"error": {"message": "No endpoints found that support tool use."}}, errors.UpstreamIncapable),
        (404, {"error": {"message": "No allowed providers are available for the model."}}, errors.UpstreamIncapable),
        (403, {"error": {"message": "Your input was flagged for violence", "code": 403}}, errors.UpstreamFiltered),
        (403, {"error": {"message": "No access", "code": "model_not_found"}}, errors.UpstreamModelMissing),
        (403, {"error": {"message": "Country not supported"}}, errors.UpstreamAuthFailed),
        (400, {"error": {"code": "unsupported_value", "param": "temperature", "message": "x"}}, errors.UpstreamIncapable),
        (400, {"error": {"message": "`logprobs` is not supported with this model"}}, errors.UpstreamIncapable),
        (400, {"error": "unexpected field"}, errors.UpstreamRejected),
        (400, {"error": {"code": "unknown_parameter", "param": "x", "message": "x"}}, errors.UpstreamIncapable),
        (400, {"error": "Model x does not support parameter presencePenalty."}, errors.UpstreamIncapable),
        (400, {"error": {"message": "Penalty is not enabled for models/x"}}, errors.UpstreamIncapable),
        (400, {"error": {"message": "image_url is only supported by certain models."}}, errors.UpstreamIncapable),
        (400, {"error": {"message": "for 'role:assistant': property 'reasoning' is unsupported"}}, errors.UpstreamIncapable),
        (400, {"error": {"message": "messages[1].content[0].type: unknown variant `image_url`"}}, errors.UpstreamIncapable),
        (400, {"error": {"message": "Conversation roles must alternate user/assistant/…"}}, errors.UpstreamIncapable),
        (400, {"error": {"message": "System role not supported"}}, errors.UpstreamIncapable),
        (400, {"error": {"message": "The `reasoning_content` in thinking mode must be passed back."}}, errors.UpstreamIncapable),
        (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "x"], "msg": "x"}]}, errors.UpstreamIncapable),
        (422, {"detail": [{"type": "missing", "loc": ["body", "x"], "msg": "x"}]}, errors.UpstreamRejected),
        (422, {"detail": "unprocessable"}, errors.UpstreamRejected),
        (418, None, errors.UpstreamRejected),
        (402, None, errors.UpstreamAuthFailed),
        (524, None, errors.UpstreamTimeout),
        (529, None, errors.UpstreamFailed),
        (302, None, errors.UpstreamBadReply),
        (429, {"error": {"message": "maximum context length"}}, errors.UpstreamRateLimited),
    ],
)  # fmt: skip
def test_a_refusal_is_read_by_status_then_code_then_words(status, body, kind):
    assert type(refused(status, body)) is kind


def test_what_one_request_asks_for_in_vain_is_another_models_to_try_and_takes_the_deployment_from_nobody():
    error = refused(404, {"error": {"message": "No endpoints found that support the provided 'tool_choice' value."}})
    assert (error.status, error.next_step, error.cools_down) == (400, "fall_back", False)
    assert "tool_choice" in error.message


def test_what_a_provider_says_about_the_request_is_passed_on():
    error = refused(400, {"error": {"message": "temperature must be below 2", "param": "temperature"}})
    assert "temperature must be below 2" in error.message
    assert error.param == "temperature"


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_what_a_provider_says_about_the_deployment_is_not(status):
    assert "mumbo" not in refused(status, {"error": {"message": "mumbo jumbo"}}).message


@pytest.mark.parametrize(
    "secret",
    [KEY, "azure-secret", "sk-abcdefgh12345678", "sk-proj-ab****yz12", "AIzaSyD1234567890", "Bearer ab.cd.ef",
     "gsk_12345678abc"],
)  # fmt: skip
def test_keys_are_scrubbed_from_what_is_passed_on(secret):
    error = refused(400, {"error": {"message": f"bad key {secret}, sorry", "param": secret}})
    assert secret not in str(error.body())
    assert "sorry" in error.message


def test_a_long_complaint_is_shortened():
    assert len(refused(400, {"error": {"message": "x" * 10_000}}).message) < 700


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"retry-after": formatdate(NOW_S + 30, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(NOW_S - 30, usegmt=True)}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"x-ratelimit-reset": "20"}, 20.0),
        ({"x-ratelimit-reset": str(int(NOW_S) + 7)}, 7.0),
        ({"x-ratelimit-reset": str(int(NOW_S + 7) * 1000)}, 7.0),
        ({"x-ratelimit-reset": "1m30s"}, 90.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0.5s"}, 360.5),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "120ms"}, 0.12),
        ({"x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "1h"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_when_to_come_back_is_read_in_every_form(headers, seconds):
    assert retry_after_s(CIMultiDict(headers), now_s=NOW_S) == (
        None if seconds is None else pytest.approx(seconds, abs=1.0 if "GMT" in str(headers) else 1e-6)
    )


@given(st.text(max_size=40))
def test_no_header_value_breaks_the_reading(value):
    for name in ("retry-after", "retry-after-ms", "x-ratelimit-reset"):
        seconds = retry_after_s(CIMultiDict({name: value}), now_s=NOW_S)
        assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"code": 429, "message": "slow down"}}, errors.UpstreamRateLimited),
        ({"error": {"code": "503", "message": "busy"}}, errors.UpstreamFailed),
        ({"error": {"code": 400, "message": "maximum context length is 8192"}}, errors.UpstreamContextTooLong),
        ({"error": {"type": "content_filter", "message": "x"}}, errors.UpstreamFiltered),
        ({"code": 402, "message": "no credit"}, errors.UpstreamAuthFailed),
        ({"error": {"code": "odd", "message": "x"}}, None),
        ({"error": {"code": 200, "message": "x"}}, None),
        ({"error": {"code": True}}, None),
        ({"error": "boom"}, None),
        (b"{", None),
    ],
)
def test_an_error_under_status_200_means_what_it_says_of_itself(body, kind):
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    error = refusal_under_200(CIMultiDict(), raw, TARGET, now_s=NOW_S)
    assert (type(error) if error is not None else None) is kind


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_list_of_faults_names_the_first_field_and_repeats_nothing_that_was_sent(wrapped):
    faults = [
        {"type": "missing", "loc": ["body", "messages", 0, "content"], "msg": "Field required", "input": "zebra"},
        7,
    ]
    error = refused(422, {"object": "error", "message": {"detail": faults}} if wrapped else {"detail": faults})
    assert error.param == "messages.0.content"
    assert "Field required" in error.message
    assert "zebra" not in error.message
