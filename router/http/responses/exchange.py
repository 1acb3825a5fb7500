"""One request to the Responses API: the hallway hears a chat completion, the caller a response."""

from typing import Any

from router.core.request import ModelRequest
from router.core.whole_json import loads
from router.errors import GatewayError
from router.http.auth import Authenticator
from router.http.body import Receive, Scope, WireLimits
from router.http.exchange import AsgiExchange, Send
from router.http.openai import read_translated
from router.http.responses.answer import Answer
from router.http.responses.kept import KeptResponses
from router.http.responses.pieces import objects_in
from router.http.responses.read import Asked, own_name, read_response
from router.http.slots import Slots
from router.record.record import Draft

_DATA, _EVENT = b"data: ", b"event: "


class ResponsesExchange(AsgiExchange):
    """The caller's side of one request."""

    _asked: Asked
    _answer: Answer

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        auth: Authenticator,
        limits: WireLimits,
        slots: Slots,
        kept: KeptResponses,
    ) -> None:
        """Take the ASGI triple, who may call, what there is room for, and earlier responses."""
        super().__init__(scope, receive, send, self._read, auth, limits, slots)
        self._kept, self._caller = kept, ""

    async def receive(self, draft: Draft) -> bytes:
        """Authenticate and read the body, as for a chat completion."""
        body = await super().receive(draft)
        self._caller = draft.caller
        return body

    async def reply(self, draft: Draft, body: dict[str, Any]) -> None:
        """Answer in one piece."""
        answer = self._answer_to(draft)
        choices = [{**choice, "delta": choice.get("message")} for choice in objects_in(body["choices"])]
        answer.feed({**body, "choices": choices})
        answer.close()
        self._keep(answer)
        await super().reply(draft, answer.response(answer.status))

    async def begin(self, draft: Draft) -> None:
        """Send the status and the headers, and say that a response has begun."""
        self._answer = self._answer_to(draft)
        await super().begin(draft)
        await super().send(self._answer.begin())

    async def send(self, data: bytes) -> None:
        """Send what chunks say, and what a panel tells of itself; a comment that keeps the caller awake goes as it is."""
        events = [self._translated(event) for event in data.split(b"\n\n") if event]
        if told := b"".join(events):
            await super().send(told)

    async def end(self, chunks: list[dict[str, Any]]) -> None:
        """Send the last events; they have no ``[DONE]`` behind them."""
        told = b"".join([*map(self._answer.feed, chunks), self._answer.end()])
        self._keep(self._answer)
        await self._send({"type": "http.response.body", "body": told, "more_body": False})

    async def fail(self, draft: Draft, error: GatewayError) -> None:
        """Say what went wrong, of the field that the caller knows."""
        error.param = error.param and own_name(error.param)
        await super().fail(draft, error)

    def _read(self, raw: bytes) -> ModelRequest:
        return read_translated(raw, self._chat)

    def _chat(self, body: dict[str, Any]) -> dict[str, Any]:
        self._asked = read_response(body, self._kept, self._caller)
        return self._asked.chat

    def _answer_to(self, draft: Draft) -> Answer:
        return Answer(self._asked, draft.request_id, int(draft.started_at), draft.model)

    def _translated(self, event: bytes) -> bytes:
        if event.startswith(_DATA):
            return self._answer.feed(loads(event[len(_DATA) :]))
        if event.startswith(_EVENT):
            kind, _, data = event[len(_EVENT) :].partition(b"\n" + _DATA)
            return self._answer.tell(kind.decode(), loads(data))
        return event + b"\n\n"

    def _keep(self, answer: Answer) -> None:
        if self._asked.is_kept:
            self._kept.keep(answer.id, self._caller, self._asked.previous, answer.items)

    def _broken(self, error: GatewayError) -> bytes:
        return self._answer.fail(error)
