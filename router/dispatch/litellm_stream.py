"""What litellm makes of a stream → server-sent events that are true to what the provider sent.

litellm says ``stop`` of any stream that ends, however it was cut, counts tokens that nobody reported, and leaves
the connection open when its wrapper is closed. Nothing here imports it.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from time import monotonic
from typing import Any

from router.core.whole_json import dumps
from router.dispatch.litellm_dialect import chunk_body, finishes
from router.dispatch.litellm_errors import translate
from router.dispatch.provider import Call
from router.errors import UpstreamBroken, UpstreamTimeout

_DONE = b"data: [DONE]\n\n"
_GEMINI_ENDINGS = ('"finishReason"', '"blockReason"')
"""Inside an answer's text the quotes would be escaped. Source: Gemini's GenerateContentResponse."""


async def next_chunk(wrapper: Any) -> dict[str, Any] | None:
    """The next piece as plain data; None at the end."""
    try:
        chunk = await anext(wrapper)
    except StopAsyncIteration:
        return None
    body: dict[str, Any] = chunk.model_dump(exclude_none=True)
    return body


@dataclass(slots=True)
class Ending:
    """Whether the provider itself has said that its answer is complete; None where nobody watched for it."""

    seen: bool | None = None


class Patience:
    """How long a stream may be silent. A line of it is a sign of life, also one that litellm makes nothing of, as a ping."""

    def __init__(self, latest_s: float, first_byte_s: float, idle_s: float) -> None:
        """Begin to wait for the first byte; ``latest_s`` is when all is over, by ``time.monotonic``."""
        self._latest_s, self._idle_s = latest_s, idle_s
        self._due_s = min(latest_s, monotonic() + first_byte_s)
        self._limit: asyncio.Timeout | None = None

    @contextlib.asynccontextmanager
    async def holds(self) -> AsyncGenerator[None]:
        """Cancel what waits inside when the silence has lasted too long, with a ``TimeoutError``."""
        try:
            async with asyncio.timeout_at(self._due_s) as self._limit:
                yield
        finally:
            self._limit = None

    def heard(self) -> None:
        """The stream shows life: the next silence begins."""
        self._due_s = min(self._latest_s, monotonic() + self._idle_s)
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(self._due_s)


def watch(wrapper: Any, call: Call, patience: Patience) -> Ending:
    """Listen to a stream's raw lines, where litellm lets us.

    They show life, and a Gemini stream's end: litellm says ``stop`` of every single piece of it.
    """
    ending = Ending()
    is_gemini = "gemini" in f"{call.target.provider}/{call.target.upstream_model}"

    async def watched(lines: Any) -> AsyncGenerator[Any]:
        async with contextlib.aclosing(lines):
            async for line in lines:
                patience.heard()
                if is_gemini:
                    ending.seen = ending.seen or any(mark in line for mark in _GEMINI_ENDINGS)
                yield line

    def listen(stream: Any) -> Any:
        if hasattr(getattr(stream, "streaming_response", None), "aclose"):
            ending.seen = False if is_gemini else None
            stream.streaming_response = watched(stream.streaming_response)
        return stream

    listen(getattr(wrapper, "completion_stream", None))
    connect = getattr(wrapper, "make_call", None)
    if connect is not None:

        async def connect_watched(**arguments: Any) -> Any:
            return listen(await connect(**arguments))

        wrapper.make_call = connect_watched
    return ending


def ends_unasked(wrapper: Any, chunk: dict[str, Any], ending: Ending) -> bool:
    """Whether litellm made up the finish: it says ``stop`` of any stream that ends, however it was cut."""
    if ending.seen is not None:
        return finishes(chunk) and not ending.seen
    told = getattr(wrapper, "received_finish_reason", "unknown") or getattr(wrapper, "intermittent_finish_reason", "")
    return finishes(chunk) and not told


def _usage_is_made_up(wrapper: Any) -> bool:
    """Whether litellm counted the tokens itself, which we do too, but call an estimate."""
    chunks = getattr(wrapper, "chunks", None)
    return isinstance(chunks, list) and not any(getattr(chunk, "usage", None) is not None for chunk in chunks)


async def pieces(
    wrapper: Any, first: dict[str, Any], ending: Ending, call: Call, patience: Patience
) -> AsyncGenerator[bytes]:
    """Server-sent events up to ``[DONE]``; UpstreamBroken in its place where the provider's stream has no end."""
    name = call.target.deployment.name
    chunk: dict[str, Any] | None = first
    finished = False
    while chunk is not None:
        if ends_unasked(wrapper, chunk, ending):
            break
        finished = finished or finishes(chunk)
        same = {"id": first.get("id"), "created": first.get("created")}  # litellm's ids change from piece to piece
        if not (chunk.get("usage") and _usage_is_made_up(wrapper)):
            yield b"data: " + dumps(chunk_body({**chunk, **same})) + b"\n\n"
        patience.heard()
        try:
            async with patience.holds():
                chunk = await next_chunk(wrapper)
        except TimeoutError:
            raise UpstreamTimeout(f"{name} stopped sending in the middle of its answer", billed=True) from None
        except Exception as error:
            status = translate(error, name).upstream_status
            raise UpstreamBroken(f"{name} broke off its answer", upstream_status=status, billed=True) from None
    if not finished:
        raise UpstreamBroken(f"{name} ended its stream before its answer was complete", billed=True)
    yield _DONE


async def close(wrapper: Any) -> None:
    """Close the connection under a stream: litellm's own ``aclose`` stops one layer above it."""
    layers, seen = [wrapper], set()
    while layers:
        layer = layers.pop()
        if layer is None or id(layer) in seen:
            continue
        seen.add(id(layer))
        for attribute in (
            "completion_stream",
            "streaming_response",
            "response_iterator",
            "async_response_iterator",
        ):
            layers.append(getattr(layer, attribute, None))
        if layer is not wrapper and hasattr(layer, "aclose"):
            with contextlib.suppress(Exception):  # it is being thrown away; RuntimeError if it is still running
                await layer.aclose()
    with contextlib.suppress(Exception):
        await wrapper.aclose()
