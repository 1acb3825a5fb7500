"""One table: litellm's exceptions → ours. By class name, so that reading it does not import litellm."""

import contextlib
import re
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from router.dispatch.litellm_dialect import FIELDS
from router.dispatch.provider import Target
from router.dispatch.refusal import read_complaint, refined, repeated, retry_after_s, scrubbed
from router.errors import (
    UpstreamAuthFailed,
    UpstreamBadReply,
    UpstreamContextTooLong,
    UpstreamError,
    UpstreamFailed,
    UpstreamFiltered,
    UpstreamIncapable,
    UpstreamModelMissing,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnreachable,
)

ERRORS: Mapping[str, type[UpstreamError]] = MappingProxyType(
    {
        "APIConnectionError": UpstreamUnreachable,  # also litellm's word for "anything unexpected"; see translate
        "APIError": UpstreamFailed,
        "APIResponseValidationError": UpstreamBadReply,
        "APIStatusError": UpstreamFailed,
        "AuthenticationError": UpstreamAuthFailed,
        "BadGatewayError": UpstreamFailed,
        "BadRequestError": UpstreamRejected,
        "BlockedPiiEntityError": UpstreamFiltered,
        "BudgetExceededError": UpstreamAuthFailed,
        "CallerCredentialAuthenticationError": UpstreamAuthFailed,
        "CallerCredentialRateLimitError": UpstreamRateLimited,
        "ContentPolicyViolationError": UpstreamFiltered,
        "ContextWindowExceededError": UpstreamContextTooLong,
        "EndpointNotSupportedByModelError": UpstreamModelMissing,
        "GuardrailRaisedException": UpstreamFiltered,
        "ImageFetchError": UpstreamRejected,
        "InternalServerError": UpstreamFailed,
        "InvalidRequestError": UpstreamRejected,
        "JSONSchemaValidationError": UpstreamBadReply,
        "LiteLLMUnknownProvider": UpstreamModelMissing,
        "MalformedRequestFieldError": UpstreamRejected,
        "MidStreamFallbackError": UpstreamFailed,
        "MockException": UpstreamFailed,
        "ModelNotMappedError": UpstreamModelMissing,
        "ModifyResponseException": UpstreamFiltered,
        "NotFoundError": UpstreamModelMissing,
        "OpenAIError": UpstreamFailed,
        "PaymentRequiredError": UpstreamAuthFailed,  # an empty account fails like a wrong key: elsewhere may work
        "PermissionDeniedError": UpstreamAuthFailed,
        "RateLimitError": UpstreamRateLimited,
        "RejectedRequestError": UpstreamRejected,
        "SensitiveDataRouteException": UpstreamFiltered,
        "ServiceUnavailableError": UpstreamFailed,
        "Timeout": UpstreamTimeout,
        "UnprocessableEntityError": UpstreamRejected,
        "UnsupportedEndpointError": UpstreamModelMissing,
        "UnsupportedParamsError": UpstreamIncapable,
        "VectorStoreSearchError": UpstreamRejected,
    }
)
"""A class that is not here takes the entry of its nearest ancestor that is."""

_WORDS: Mapping[type[UpstreamError], str] = MappingProxyType(
    {
        UpstreamAuthFailed: "refused the key or the account behind it; check the deployment's api_key",
        UpstreamBadReply: "sent a reply that cannot be read; check api_base",
        UpstreamContextTooLong: "says that the prompt does not fit its context window; shorten it",
        UpstreamFailed: "failed to answer",
        UpstreamFiltered: "refused the prompt by its content policy; rephrase it",
        UpstreamModelMissing: "does not know the model; check the deployment's model",
        UpstreamRateLimited: "is rate limiting us; try again later",
        UpstreamRejected: "rejected the request; check its parameters and messages",
        UpstreamTimeout: "did not answer in time",
        UpstreamIncapable: "does not have a parameter of the request",
        UpstreamUnreachable: "cannot be reached; check api_base and the network",
    }
)

_BILLED = (UpstreamBadReply, UpstreamTimeout)
"""The provider may have worked, and charge for it, although nothing usable came back."""

_UNREACHABLE = ("ConnectError", "ClientConnectorError", "ConnectTimeout", "gaierror", "ConnectionRefusedError")
_UNSUPPORTED = re.compile(r"do(?:es)?(?: not|n't) support (?:parameters: )?[\[{]?'?([a-z][a-z_]*)")
_RETRY_DELAY = re.compile(r'"retryDelay\\*"\s*:\s*\\*"(\d+(?:\.\d+)?)s"')
"""Google's form of retry-after. Source: google.rpc.RetryInfo in Gemini's 429 bodies."""


def translate(error: BaseException, deployment: str, target: Target | None = None) -> UpstreamError:
    """Say in our words what litellm raised; its own message may quote a key and is left behind.

    Args:
        error: what litellm raised.
        deployment: the pool's name for who was asked.
        target: how it was asked: what the provider itself says of the request is repeated, without the target's secrets.
    """
    original = getattr(error, "original_exception", None)
    if type(error).__name__ == "MidStreamFallbackError" and isinstance(original, Exception):
        error = original  # litellm's wrapping of whatever happens while a stream is read
    kind, complaint = kind_of(error), read_complaint(_provider_body(error))
    if kind is UpstreamRejected:
        kind = refined(kind, complaint)
    status = _provider_status(error)
    message = f"{deployment} {_WORDS[kind]}"
    param = _unsupported_param(error)
    told = repeated(kind, complaint, target) if target is not None else ""
    if param is not None:
        message = f"{deployment} does not support {param!r}; leave it out or choose another model"
    if any(type(cause).__name__ == "ImageFetchError" for cause in _chain(error)):
        param, message = (
            "messages",
            f"{deployment} takes images by value, and an image's URL cannot be fetched; send data",
        )
    elif told and complaint.param and target is not None:
        param = scrubbed(complaint.param, target)
    return kind(
        (f"{message} ({status})" if status else message) + (f": {told}" if told else ""),
        param=param,
        retry_after_s=_retry_after_s(error),
        upstream_status=status,
        billed=issubclass(kind, _BILLED),
    )


def kind_of(error: BaseException) -> type[UpstreamError]:
    """Our class for what litellm raised."""
    chain = list(_chain(error))
    if any(type(cause).__name__ in _UNREACHABLE for cause in chain):
        return UpstreamUnreachable
    name = next((base.__name__ for base in type(error).__mro__ if base.__name__ in ERRORS), None)
    if name == "APIConnectionError":
        if _headers(error):
            return UpstreamBadReply  # there was an answer, and litellm stumbled over it
        return UpstreamUnreachable if _lost_connection(chain) else UpstreamFailed
    if name is not None:
        return ERRORS[name]
    return UpstreamUnreachable if _lost_connection(chain) else UpstreamFailed


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, innermost last."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _lost_connection(chain: list[BaseException]) -> bool:
    names = ("ReadError", "RemoteProtocolError", "ClientError", "ClientPayloadError", "ServerDisconnectedError")
    return any(isinstance(cause, OSError) or type(cause).__name__ in names for cause in chain)


def _headers(error: BaseException) -> Mapping[str, str]:
    found = getattr(error, "litellm_response_headers", None)
    if not found:
        found = getattr(getattr(error, "response", None), "headers", None)
    return found or {}


def _provider_status(error: BaseException) -> int | None:
    """The status the provider sent, where it can be told from the one that litellm made up."""
    for cause in reversed(list(_chain(error))):
        status = getattr(cause, "status_code", None)
        if isinstance(status, int) and _headers(error):
            return status
    return None


def _provider_body(error: BaseException) -> bytes:
    """What the provider answered, as it came; empty where nothing can be read any more."""
    for cause in reversed(list(_chain(error))):
        with contextlib.suppress(Exception):  # httpx raises where a body was not read
            raw = cause.response.content  # type: ignore[attr-defined]
            if raw:
                return bytes(raw)
    return b""


def _retry_after_s(error: BaseException) -> float | None:
    headers = {str(name).lower(): str(text) for name, text in _headers(error).items()}
    told_s = retry_after_s(headers, now_s=time.time())
    if told_s is not None:
        return told_s
    delay = _RETRY_DELAY.search(str(error)) if type(error).__name__ == "RateLimitError" else None
    return float(delay[1]) if delay else None


def _unsupported_param(error: BaseException) -> str | None:
    if type(error).__name__ != "UnsupportedParamsError":
        return None
    names = _UNSUPPORTED.search(str(error))
    return names[1] if names and names[1] in FIELDS else None
