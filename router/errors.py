"""The error tree. Each class states its HTTP status, its stable code, and what dispatch does next.

::

    GatewayError
    ├── CallerError                     the request cannot be served as it stands
    │   ├── BadRequest             400  invalid_request
    │   ├── BadControl             400  invalid_router_control
    │   ├── CapabilityUnavailable  400  capability_unavailable
    │   ├── ContextTooLong         400  context_length_exceeded
    │   ├── BudgetTooSmall         400  budget_too_small
    │   ├── ResponseNotFound       400  previous_response_not_found
    │   ├── Unauthorized           401  invalid_api_key
    │   ├── ModelNotFound          404  model_not_found
    │   ├── EndpointNotFound       404  unknown_url
    │   ├── RunNotFound            404  run_not_found
    │   ├── RequestNotFound        404  request_not_found
    │   ├── LedgerDisabled         404  ledger_disabled
    │   ├── MethodNotAllowed       405  method_not_allowed
    │   ├── SlowCaller             408  request_timeout
    │   ├── BodyTooLarge           413  request_too_large
    │   └── WrongContentType       415  unsupported_media_type
    ├── GatewayBusy                     nothing is wrong with the request; come back later
    │   ├── Overloaded             503  overloaded
    │   ├── LedgerUnavailable      503  ledger_unavailable
    │   └── NothingAvailable       503  no_deployment_available
    │       └── AllRateLimited     429  upstream_rate_limited
    ├── UpstreamError                   a provider's answer, or the lack of one
    │   ├── UpstreamRejected       400  upstream_rejected        give up: another model would say the same
    │   ├── UpstreamContextTooLong 400  context_length_exceeded  fall back: a larger window may fit
    │   ├── UpstreamIncapable      400  capability_unavailable   fall back: another model may be able to
    │   ├── UpstreamFiltered       400  content_filter           give up
    │   ├── UpstreamRateLimited    429  upstream_rate_limited    elsewhere, cool down
    │   ├── UpstreamAuthFailed     502  upstream_auth_failed     elsewhere, cool down
    │   ├── UpstreamModelMissing   502  upstream_model_missing   elsewhere, cool down
    │   ├── UpstreamUnreachable    502  upstream_unreachable     retry, cool down
    │   ├── OutOfFiles             503  out_of_files             retry: nothing is wrong with the provider
    │   ├── UpstreamFailed         502  upstream_error           retry, cool down
    │   ├── UpstreamBadReply       502  upstream_bad_reply       retry, cool down
    │   ├── UpstreamEmpty          502  upstream_empty           retry
    │   ├── UpstreamBroken         502  upstream_broken          give up: bytes have left
    │   ├── FusionFailed           502  fusion_failed            give up: nobody on the panel answered
    │   └── UpstreamTimeout        504  upstream_timeout         elsewhere, cool down
    └── InternalError              500  internal_error

Messages say what was wrong, what would be right and where to change it; they never carry prompt text or keys.
"""

from typing import Any, ClassVar, Literal

NextStep = Literal["give_up", "retry", "elsewhere", "fall_back"]
"""``retry``: another deployment of the same model, else the same one again; ``elsewhere``: not the same one again, since what
is wrong is its own; ``fall_back``: only another model can help."""


LONGEST_WAIT_S = 300.0
"""For this long at the most a provider is left alone, whatever it asks for, and is a caller told to stay away."""


class GatewayError(Exception):
    """Root of everything the gateway raises on purpose."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "server_error"

    def __init__(self, message: str, *, param: str | None = None, retry_after_s: float | None = None) -> None:
        """Keep what the caller is told: the message, the field it is about, and when to come back."""
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, Any]:
        """The error as OpenAI's clients expect it."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


class CallerError(GatewayError):
    """The request cannot be served as it stands."""

    status = 400
    code = "invalid_request"
    type = "invalid_request_error"


class BadRequest(CallerError):
    """A field is missing, malformed or of the wrong type."""


class BadControl(CallerError):
    """A field of the ``router`` object is unknown or wrong."""

    code = "invalid_router_control"


class CapabilityUnavailable(CallerError):
    """No allowed deployment is known to support what the request needs."""

    code = "capability_unavailable"


class ContextTooLong(CallerError):
    """No allowed deployment has a window large enough."""

    code = "context_length_exceeded"


class BudgetTooSmall(CallerError):
    """Every allowed route is estimated above ``max_cost_usd``."""

    code = "budget_too_small"


class ResponseNotFound(CallerError):
    """A response that the request goes on from is not kept for this caller; the status and the code are OpenAI's."""

    code = "previous_response_not_found"


class Unauthorized(CallerError):
    """No key, or a key that is not in the config."""

    status = 401
    code = "invalid_api_key"
    type = "authentication_error"


class ModelNotFound(CallerError):
    """The name is neither an alias nor a deployment."""

    status = 404
    code = "model_not_found"


class EndpointNotFound(CallerError):
    """The path is not served."""

    status = 404
    code = "unknown_url"


class RunNotFound(CallerError):
    """No fusion run of that id is remembered for this caller."""

    status = 404
    code = "run_not_found"


class RequestNotFound(CallerError):
    """The ledger has no request of that id that this caller may judge."""

    status = 404
    code = "request_not_found"


class LedgerDisabled(CallerError):
    """The gateway keeps no ledger."""

    status = 404
    code = "ledger_disabled"


class MethodNotAllowed(CallerError):
    """The path is served, but not by this method."""

    status = 405
    code = "method_not_allowed"


class SlowCaller(CallerError):
    """The request body did not arrive in time."""

    status = 408
    code = "request_timeout"


class BodyTooLarge(CallerError):
    """The request body is above ``limits.max_body_bytes``."""

    status = 413
    code = "request_too_large"


class WrongContentType(CallerError):
    """The body is not declared as JSON."""

    status = 415
    code = "unsupported_media_type"


class GatewayBusy(GatewayError):
    """Nothing is wrong with the request; come back later."""

    status = 503
    code = "overloaded"


class Overloaded(GatewayBusy):
    """``limits.max_in_flight`` requests are already being served, or the gateway is draining."""


class LedgerUnavailable(GatewayBusy):
    """The ledger cannot be read or written now; requests are answered all the same."""

    code = "ledger_unavailable"


class NothingAvailable(GatewayBusy):
    """Every deployment that could answer is cooling down."""

    code = "no_deployment_available"


class AllRateLimited(NothingAvailable):
    """Every deployment that could answer is left alone because its provider's rate limit was reached.

    It has the code of the 429 that the first callers got: to who comes later it is the same, and clients wait for it alike.
    """

    status = 429
    code = "upstream_rate_limited"
    type = "rate_limit_error"


class UpstreamError(GatewayError):
    """A provider's answer, or the lack of one."""

    status = 502
    code = "upstream_error"
    type = "upstream_error"
    next_step: ClassVar[NextStep] = "retry"
    cools_down: ClassVar[bool] = True

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        upstream_status: int | None = None,
        upstream_code: str | None = None,
        billed: bool = False,
        should_retry: bool | None = None,
    ) -> None:
        """Keep also the provider's own status, code and advice, and whether the failed call may have cost money.

        ``usage`` is what it reported all the same, as it came.
        """
        wait_s = None if retry_after_s is None else min(retry_after_s, LONGEST_WAIT_S)
        super().__init__(message, param=param, retry_after_s=wait_s)
        self.upstream_status = upstream_status
        self.upstream_code = upstream_code
        self.billed = billed
        self.usage: Any = None
        self.should_retry = should_retry


class UpstreamRejected(UpstreamError):
    """The provider says that the request itself is wrong."""

    status = 400
    code = "upstream_rejected"
    type = "invalid_request_error"
    next_step = "give_up"
    cools_down = False


class UpstreamContextTooLong(UpstreamError):
    """The provider says that the prompt does not fit its window."""

    status = 400
    code = "context_length_exceeded"
    type = "invalid_request_error"
    next_step = "fall_back"
    cools_down = False


class UpstreamIncapable(UpstreamError):
    """The model, or whoever serves it, cannot do what this request asks, or does not take a parameter of it."""

    status = 400
    code = "capability_unavailable"
    type = "invalid_request_error"
    next_step = "fall_back"
    cools_down = False


class UpstreamFiltered(UpstreamError):
    """The provider's content policy refused the prompt."""

    status = 400
    code = "content_filter"
    type = "invalid_request_error"
    next_step = "give_up"
    cools_down = False


class UpstreamRateLimited(UpstreamError):
    """429 from the provider."""

    status = 429
    code = "upstream_rate_limited"
    type = "rate_limit_error"
    next_step = "elsewhere"


class UpstreamAuthFailed(UpstreamError):
    """The provider refused the deployment's key."""

    code = "upstream_auth_failed"
    next_step = "elsewhere"


class UpstreamModelMissing(UpstreamError):
    """The provider does not know the deployment's model."""

    code = "upstream_model_missing"
    next_step = "elsewhere"


class UpstreamUnreachable(UpstreamError):
    """No connection to the provider."""

    code = "upstream_unreachable"


class OutOfFiles(UpstreamError):
    """The gateway itself may open no further connection."""

    status = 503
    code = "out_of_files"
    type = "server_error"
    cools_down = False


class UpstreamFailed(UpstreamError):
    """5xx from the provider, or an error event before the first token."""


class UpstreamBadReply(UpstreamError):
    """The reply is not what the dialect promises: wrong content type, broken JSON, no choices."""

    code = "upstream_bad_reply"


class UpstreamEmpty(UpstreamError):
    """A well-formed reply with neither text nor tool calls."""

    code = "upstream_empty"
    cools_down = False


class UpstreamBroken(UpstreamError):
    """The stream broke after bytes had left for the caller."""

    code = "upstream_broken"
    next_step = "give_up"


class FusionFailed(UpstreamError):
    """Nobody on the panel answered, nor did anybody alone; the message has each member's reason."""

    code = "fusion_failed"
    next_step = "give_up"
    cools_down = False


class UpstreamTimeout(UpstreamError):
    """Connect, first byte, idle gap or total deadline ran out."""

    status = 504
    code = "upstream_timeout"
    next_step = "elsewhere"


class InternalError(GatewayError):
    """A defect of the gateway; the record's id finds it in the log."""
