"""What goes into litellm and what comes out of it, as plain data. Nothing here imports litellm."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from router.dispatch.hints import HINTS

FIELDS = frozenset(
    {
        "messages",
        "input",
        "dimensions",
        "encoding_format",
        "temperature",
        "top_p",
        "n",
        "stop",
        "max_tokens",
        "max_completion_tokens",
        "modalities",
        "prediction",
        "audio",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "user",
        "response_format",
        "seed",
        "tools",
        "tool_choice",
        "functions",
        "function_call",
        "parallel_tool_calls",
        "logprobs",
        "top_logprobs",
        "reasoning_effort",
        "verbosity",
        "safety_identifier",
        "service_tier",
        "store",
        "prompt_cache_key",
        "prompt_cache_retention",
        "web_search_options",
        "thinking",
        "top_k",
    }
)
"""Fields of a request that litellm knows as such. Source: litellm's ``acompletion`` and OpenAI's API reference."""

_NEUTRAL: Mapping[str, Any] = {"n": 1, "logprobs": False, "top_logprobs": 0, "modalities": ["text"]}
"""Values that say nothing; clients send them by habit, and litellm refuses the bare name."""

_NOT_THE_CALLERS = re.compile(
    r"^(_|api_|aws_|azure|vertex|gcs_|s3_|google_|watsonx|oci_|sagemaker|bedrock_|litellm|base_|custom_|extra_|mock_)"
    r"|^(model|stream|stream_options|timeout|client|headers|default_headers|organization|deployment_id|metadata)$"
    r"|(_key|_token|_secret|_credentials?|_password|_ur[il]|_base|_path|_file|_host|_endpoint|_proxy|_headers)$"
)
"""Names by which litellm takes addresses, credentials and callbacks as arguments. From a caller they would send
the operator's key elsewhere, so they never pass, whatever the provider makes of them."""


def request_arguments(body: Mapping[str, Any], supported: Collection[str], reserved: Collection[str]) -> dict[str, Any]:
    """Choose what of the caller's body litellm is given; what it does not know goes to the provider as it is.

    Args:
        body: the request in OpenAI's dialect.
        supported: the fields that litellm can translate for this provider.
        reserved: names that litellm takes as its own arguments.
    """
    arguments: dict[str, Any] = {}
    for name, value in body.items():
        if value is None or (name in _NEUTRAL and value == _NEUTRAL[name] and name not in supported):
            continue
        if name in HINTS and name not in supported:
            continue
        if name in FIELDS or not (name in reserved or _NOT_THE_CALLERS.search(name)):
            arguments[name] = value
    return arguments


def reply_body(reply: Mapping[str, Any]) -> dict[str, Any]:
    """A whole reply in OpenAI's shape."""
    body = _without_empty_lists(reply)
    for choice in body.get("choices") or ():
        choice.setdefault("finish_reason", None)
        choice.setdefault("message", {}).setdefault("content", None)
        _tidy(choice["message"])
    if isinstance(body.get("usage"), dict):
        body["usage"] = usage_body(body["usage"])
    return body


def chunk_body(chunk: Mapping[str, Any]) -> dict[str, Any]:
    """A piece of a stream in OpenAI's shape; the one with usage has no choices, as OpenAI's has none."""
    body = _without_empty_lists(chunk)
    choices = body.get("choices") or []
    for choice in choices:
        choice.setdefault("finish_reason", None)
        _tidy(choice.setdefault("delta", {}))
    body["choices"] = choices
    if isinstance(body.get("usage"), dict):
        body["usage"] = usage_body(body["usage"])
        if not any(choice["delta"] or choice["finish_reason"] for choice in choices):
            body["choices"] = []
    return body


def usage_body(usage: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAI's ``usage``; cached and cache-writing tokens in one place, both contained in ``prompt_tokens``."""
    left_out = ("cost", "cache_read_input_tokens", "cache_creation_input_tokens")  # the cost is litellm's estimate
    body = {name: value for name, value in usage.items() if name not in left_out and value is not None}
    details = {k: v for k, v in (body.get("prompt_tokens_details") or {}).items() if v is not None}
    read = details.get("cached_tokens") or usage.get("cache_read_input_tokens") or 0
    written = details.pop("cache_write_tokens", None) or usage.get("cache_creation_input_tokens") or 0
    body["prompt_tokens_details"] = {
        **details,
        "cached_tokens": read,
        "cache_creation_tokens": details.get("cache_creation_tokens") or written,
    }
    reasoning = {k: v for k, v in (body.get("completion_tokens_details") or {}).items() if v is not None}
    body["completion_tokens_details"] = {"reasoning_tokens": 0, **reasoning}
    return body


def finishes(chunk: Mapping[str, Any]) -> bool:
    """Whether a chunk says that an answer is complete."""
    return any(choice.get("finish_reason") for choice in chunk.get("choices") or ())


def _without_empty_lists(body: Mapping[str, Any]) -> dict[str, Any]:
    """litellm adds a list for everything that any provider might have said."""
    return {name: value for name, value in body.items() if value != []}


def _tidy(message: dict[str, Any]) -> None:
    """Drop litellm's own extras where they say nothing."""
    for name in ("images", "thinking_blocks", "annotations"):
        if message.get(name) == []:
            del message[name]
    extras = message.get("provider_specific_fields")
    if isinstance(extras, dict):
        kept = {name: value for name, value in extras.items() if value not in (None, [], {})}
        if kept:
            message["provider_specific_fields"] = kept
        else:
            del message["provider_specific_fields"]
