"""The way out through litellm, for providers that do not speak OpenAI's dialect. The only file that imports it.

litellm is imported on first use, off the event loop: it takes seconds and 170 MB. Its own retries, fallbacks,
logging and price download are off; cancelling a call closes the connection to the provider.
"""

import asyncio
import contextlib
import importlib
import inspect
import logging
import os
import threading
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from router.core.request import exact_body
from router.dispatch.litellm_dialect import FIELDS, reply_body, request_arguments
from router.dispatch.litellm_errors import translate
from router.dispatch.litellm_stream import Patience, close, ends_unasked, next_chunk, pieces, watch
from router.dispatch.provider import Call, Target
from router.dispatch.reply import checked_reply
from router.dispatch.tastes import rewritten
from router.errors import UpstreamBadReply, UpstreamError, UpstreamTimeout
from router.providers import facts_of

_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else the import downloads a price table
    "LITELLM_MODE": "PRODUCTION",  # else the import reads a .env file from the working directory
}
_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")

_NEVER_BEGUN = r"coroutine '.*completion.*' was never awaited"
"""What Python says where a hang-up ends a call while a thread of litellm's prepares it: the coroutine holds nothing yet."""

_import_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Litellm:
    """The imported library and the names it keeps for itself."""

    module: Any
    httpx: Any
    reserved: frozenset[str]


@dataclass(slots=True)
class LitellmProvider:
    """Calls providers through litellm. One instance serves all deployments that are not direct."""

    _loaded: _Litellm | None = field(default=None, init=False)

    async def warm_up(self, targets: Iterable[Target] = ()) -> None:
        """Import litellm in a thread, so that no request waits for it; worth calling at start-up.

        Args:
            targets: who will be asked; what litellm imports only on their first call is imported too. Nobody is
                called.
        """
        library = await self._library()
        providers = {target.provider: target for target in targets if not target.direct}
        for target in providers.values():
            await asyncio.to_thread(_rehearse, library, target)

    async def complete(self, call: Call) -> dict[str, Any]:
        """Make a call and give back the reply in OpenAI's shape.

        Raises:
            UpstreamError: whatever went wrong, in our words.
        """
        library = await self._library()
        name = call.target.deployment.name
        with _translated(name, call.target):
            async with _until(_latest(call), name, "the deadline"):
                if call.operation == "embeddings":
                    reply = await library.module.aembedding(**_arguments(library, call))
                else:
                    reply = await library.module.acompletion(**_arguments(library, call))
        body: dict[str, Any] = reply.model_dump(exclude_none=True)
        return checked_reply(body if call.operation == "embeddings" else reply_body(body), call.operation, name)

    def searcher(
        self, provider: str, url: str | None, api_key: str | None, timeout_s: float
    ) -> Callable[[str, int], Awaitable[list[dict[str, Any]]]]:
        """How to search the web by one of litellm's search providers.

        The function takes a query and how many results, gives them as objects with ``title``, ``url`` and
        ``snippet``, and fails with an ``UpstreamError``.
        """

        async def search(query: str, count: int) -> list[dict[str, Any]]:
            library = await self._library()
            ends_s = monotonic() + timeout_s
            with _translated(provider):
                async with _until(ends_s, provider, "its time"):
                    found = await library.module.asearch(
                        query=query,
                        search_provider=provider,
                        max_results=count,
                        api_base=url,
                        api_key=api_key,
                        timeout=timeout_s,
                    )
            return [result.model_dump() for result in found.results]

        return search

    def stream(self, call: Call) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a stream; entering it means that the provider has sent something of an answer."""
        return self._stream(call)

    @asynccontextmanager
    async def _stream(self, call: Call) -> AsyncGenerator[AsyncIterator[bytes]]:
        library = await self._library()
        name, timeouts = call.target.deployment.name, call.target.timeouts
        patience = Patience(_latest(call), timeouts.first_byte_s, timeouts.idle_s)
        wrapper = None
        try:
            with _translated(name, call.target):
                try:
                    async with patience.holds():
                        wrapper = await library.module.acompletion(**_arguments(library, call))
                        ending = watch(wrapper, call, patience)
                        first = await next_chunk(wrapper)
                except TimeoutError:
                    raise UpstreamTimeout(f"{name} did not begin to answer in time", billed=True) from None
            if first is None or ends_unasked(wrapper, first, ending):
                raise UpstreamBadReply(f"{name} sent no answer that can be read; check api_base", billed=True)
            events = pieces(wrapper, first, ending, call, patience)
            async with contextlib.aclosing(events):
                yield events
        finally:
            if wrapper is not None:
                await close(wrapper)

    async def _library(self) -> _Litellm:
        if self._loaded is None:
            self._loaded = await asyncio.to_thread(_import_litellm)
        return self._loaded


def _import_litellm() -> _Litellm:
    with _import_lock:
        os.environ.update(_ENVIRONMENT)
        warnings.filterwarnings("ignore", _NEVER_BEGUN, RuntimeWarning)
        litellm: Any = importlib.import_module("litellm")
        for logger in _LOGGERS:
            logging.getLogger(logger).setLevel(logging.CRITICAL + 1)  # its messages quote prompts and keys
        litellm.suppress_debug_info = True
        litellm.telemetry = False
        litellm.drop_params = False  # what a provider cannot do is said, not ignored
        litellm.num_retries = 0
        litellm.turn_off_message_logging = True
        litellm.disable_streaming_logging = True
        owned = frozenset(map(str, importlib.import_module("litellm.types.utils").all_litellm_params))
        taken = frozenset(inspect.signature(litellm.acompletion).parameters)
        return _Litellm(litellm, importlib.import_module("httpx"), (owned | taken) - FIELDS)


def _rehearse(library: _Litellm, target: Target) -> None:
    """Let litellm make up an answer: it imports what a real call would, about 0.2 s of it, and sends nothing."""
    with contextlib.suppress(Exception):
        library.module.completion(
            model=f"{target.provider}/{target.upstream_model}",
            messages=[{"role": "user", "content": "x"}],
            mock_response="x",
            api_key="unset",
        )


def _arguments(library: _Litellm, call: Call) -> dict[str, Any]:
    """litellm's arguments for a call: the caller's first, so that none of them can replace ours."""
    target, timeouts = call.target, call.target.timeouts
    supported = library.module.get_supported_openai_params(
        model=target.upstream_model,
        custom_llm_provider=target.provider,
        request_type="embeddings" if call.operation == "embeddings" else "chat_completion",
    )
    body = exact_body(call.body, call.around_model)
    if call.changes is not None:
        body = rewritten(body, call.changes)
    arguments = request_arguments(body, supported or (), library.reserved)
    arguments |= {
        "model": f"{target.provider}/{target.upstream_model}",
        "api_key": _api_key(call),
        "api_base": target.api_base,
        "timeout": library.httpx.Timeout(timeouts.total_s, connect=timeouts.connect_s),
        "max_retries": 0,
        "num_retries": 0,
        "extra_headers": {**target.headers, **call.headers} or None,
    }
    if call.operation == "embeddings":
        return arguments
    arguments["_skip_mcp_handler"] = True  # else any request with tools imports a package that is not installed
    if call.body.get("stream"):
        arguments |= {"stream": True, "stream_options": {"include_usage": True}}
    return arguments


def _api_key(call: Call) -> str | None:
    """The deployment's key. Without one litellm would send the environment's to whatever address is configured."""
    target = call.target
    if target.api_key is None and target.api_base is not None and facts_of(target.provider).key_env:
        return "unset"
    return target.api_key


def _latest(call: Call) -> float:
    """The point in time by which a call that starts now must be over."""
    return min(call.deadline_s, monotonic() + call.target.timeouts.total_s)


@asynccontextmanager
async def _until(when: float, name: str, what: str) -> AsyncGenerator[None]:
    """Cancel what runs inside at a point in time, and say so in our words."""
    try:
        async with asyncio.timeout_at(when):
            yield
    except TimeoutError:
        raise UpstreamTimeout(f"{name} did not answer before {what} ran out", billed=True) from None


@contextlib.contextmanager
def _translated(name: str, target: Target | None = None) -> Any:
    try:
        yield
    except UpstreamError:
        raise
    except Exception as error:
        raise translate(error, name, target) from None  # litellm's traceback would carry the prompt into the log
