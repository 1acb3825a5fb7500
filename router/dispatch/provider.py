"""The seam between the gateway and whoever answers: one protocol, OpenAI's dialect on our side of it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from classifier.value import value
from router.core.types import Deployment

Operation = Literal["chat/completions", "embeddings"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The named time-outs of a call, in seconds; providers keep them.

    Of a stream, ``first_byte_s`` ends with the first sign of life (a chunk, a comment that keeps the connection awake),
    and from then on ``idle_s`` counts between two of them: a model may think for long before its first word.
    """

    connect_s: float = 5.0
    first_byte_s: float = 60.0
    idle_s: float = 30.0
    total_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy on the way to a provider.

    Attributes:
        tls: it is itself spoken to over TLS.
        authorization: what ``Proxy-Authorization`` says; never shown.
    """

    host: str
    port: int
    tls: bool = False
    authorization: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """A deployment with what is needed to reach it.

    Attributes:
        provider: litellm's word for it: ``openai``, ``anthropic``, ``scripted``, …
        upstream_model: the name the provider knows, without our prefix.
        api_base: base URL up to and without ``/chat/completions``; None lets litellm choose.
        api_key: never shown; None where the provider needs none.
        direct: the provider speaks OpenAI's dialect at ``api_base``; otherwise litellm translates.
        headers: extra request headers the operator configured.
        proxy: on the direct way; litellm finds its own.
    """

    deployment: Deployment
    provider: str
    upstream_model: str
    api_base: str | None = None
    api_key: str | None = field(default=None, repr=False)
    direct: bool = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeouts: Timeouts = Timeouts()
    proxy: Proxy | None = None


@value
class Call:
    """One call to one deployment.

    Attributes:
        body: the caller's request in OpenAI's dialect without the ``router`` object; not to be changed. For a
            stream it already asks for usage.
        deadline_s: point in time by which everything is over, by ``time.monotonic``. That is the event loops' clock too,
            but to ask a loop for it takes a system call to find the loop.
        headers: per-request headers for the provider (fusion depth, trace context).
        around_model: the same request as the caller wrote it, before and after the model's name; None where ``body``
            has to be written.
        changes: fields that this deployment is sent otherwise, with what it is sent, None for those left out; see ``Tastes``.
    """

    target: Target
    body: Mapping[str, Any]
    deadline_s: float
    operation: Operation = "chat/completions"
    headers: Mapping[str, str] = field(default_factory=dict)
    around_model: tuple[bytes, bytes] | None = None
    changes: Mapping[str, Any] | None = None


class Provider(Protocol):
    """A way out. Every failure is an ``UpstreamError``; cancellation passes through."""

    async def complete(self, call: Call) -> dict[str, Any]:
        """Make a call and give back the parsed reply body, known to be an object with choices (or data)."""
        ...

    def stream(self, call: Call) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a stream of server-sent events, cut anywhere; entering it means the provider said 200.

        Leaving the context closes the connection. Bytes are passed on as they come, ``data: [DONE]`` included;
        what they say is the relay's business.
        """
        ...
