"""Members and a judge that litellm translates for: Anthropic's and Gemini's APIs, faked on loopback, behind a live gateway."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from openai import OpenAI

from tests.dispatch.web.sites import LocalWeb, local_web
from tests.live import LiveGateway, gateway

ASK: list[Any] = [{"role": "user", "content": "When was the bridge built, and by whom?"}]
CLAUDE_SAYS = "Masons built it in 1893, as an inscription on the eastern pier tells everybody."
GEMINI_SAYS = "The sources contradict each other; nobody can say who raised the bridge, or when."
JUDGE_SAYS = "It was built in 1893."
USAGE = {"input_tokens": 40, "output_tokens": 20}


class Fakes:
    """What the two providers were sent."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.judge_fails = False

    def claude(self, body: dict[str, Any]) -> dict[str, Any]:
        """As a member it searches once where it may; then it answers."""
        told = any(
            part.get("type") == "tool_result"
            for message in body["messages"]
            for part in (message["content"] if isinstance(message["content"], list) else [])
        )
        content: list[dict[str, Any]] = [{"type": "text", "text": CLAUDE_SAYS}]
        if body.get("tools") and not told:
            content = [{"type": "tool_use", "id": "toolu_1", "name": "web_search", "input": {"query": "bridge"}}]
        stop = "tool_use" if content[0]["type"] == "tool_use" else "end_turn"
        return {"id": "m", "type": "message", "role": "assistant", "model": body["model"], "content": content,
                "stop_reason": stop, "usage": USAGE}  # fmt: skip

    def gemini(self, body: dict[str, Any]) -> dict[str, Any]:
        """Searches and then answers, as the other does."""
        told = any(
            "functionResponse" in part or "function_response" in part for c in body["contents"] for part in c["parts"]
        )
        part: dict[str, Any] = {"text": GEMINI_SAYS}
        if body.get("tools") and not told:
            part = {"functionCall": {"name": "web_search", "args": {"query": "bridge"}}}
        usage = {"promptTokenCount": 30, "candidatesTokenCount": 10, "totalTokenCount": 40}
        content = {"role": "model", "parts": [part]}
        return {"candidates": [{"content": content, "index": 0, "finishReason": "STOP"}], "usageMetadata": usage}


def judged(prompt: str) -> str:
    """The judge's answer and analysis, with the marker that its prompt asks for."""
    marker = next(line for line in prompt.splitlines() if line.startswith("===analysis "))
    return f'{JUDGE_SAYS}\n{marker}\n{{"consensus": ["there is a bridge"], "confidence": 0.8, "chosen": "A"}}'


def claude_events(body: dict[str, Any]) -> Iterator[bytes]:
    text = judged(json.dumps(body["messages"][-1]).replace("\\n", "\n"))

    def event(kind: str, **more: Any) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()

    message = {"id": "m", "type": "message", "role": "assistant", "model": body["model"], "content": [], "usage": USAGE}
    yield event("message_start", message=message)
    yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for start in range(0, len(text), 9):
        yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": text[start : start + 9]})
    yield event("content_block_stop", index=0)
    yield event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 50})
    yield event("message_stop")


@pytest.fixture(scope="module")
def fakes() -> Iterator[Fakes]:
    found: Fakes

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.bodies.append(body)
            is_claude = "contents" not in body
            found.keys.append(self.headers.get("x-api-key") or self.headers.get("x-goog-api-key") or "")
            is_judge = is_claude and body["model"] == "claude-judge"
            if is_judge and found.judge_fails:
                self._say(500, "application/json", b'{"type": "error", "error": {"type": "api_error", "message": "x"}}')
            elif is_judge and body.get("stream"):
                self._say(200, "text/event-stream", b"".join(claude_events(body)))
            elif is_judge:
                answer = found.claude({**body, "tools": None})
                answer["content"][0]["text"] = judged(json.dumps(body["messages"][-1]).replace("\\n", "\n"))
                self._say(200, "application/json", json.dumps(answer).encode())
            else:
                self._say(
                    200, "application/json", json.dumps((found.claude if is_claude else found.gemini)(body)).encode()
                )

        def _say(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Fakes(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture(scope="module")
def found() -> Iterator[LocalWeb]:
    with local_web() as web:
        yield web


@pytest.fixture(scope="module")
def live(fakes: Fakes, found: LocalWeb) -> Iterator[LiveGateway]:
    price = "price: {input_usd_per_mtok: 3, output_usd_per_mtok: 15}, supports: [tools]"
    with gateway(f"""
pool:
  small:  {{model: "scripted/small?latency_ms=0&jitter=0&tokens_per_second=0"}}
  claude: {{model: anthropic/claude-member, api_base: "{fakes.base}", api_key: k-claude, {price}}}
  gemini: {{model: gemini/gemini-member, api_base: "{fakes.base}", api_key: k-gemini, {price}}}
  judge:  {{model: anthropic/claude-judge, api_base: "{fakes.base}", api_key: k-judge, {price}}}
routing: {{small: [small], strong: [claude], baseline: claude}}
fusion:
  panel: [claude, gemini]
  judge: judge
  quorum: 2
  web: {{search: {{provider: searxng, url: "{found.base}"}}, fetch: false}}
ledger: {{enabled: false}}
limits: {{cooldown_failures: 1000}}
server: {{access_log: false, log_level: error}}
""") as running:
        yield running


@pytest.fixture
def client(live: LiveGateway, fakes: Fakes, found: LocalWeb) -> Iterator[OpenAI]:
    fakes.bodies.clear()
    fakes.keys.clear()
    found.queries.clear()
    fakes.judge_fails = False
    with OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0) as made:
        yield made


@pytest.mark.parametrize("stream", [False, True])
def test_translated_members_search_and_answer_and_a_translated_judge_writes(
    client: OpenAI, fakes: Fakes, found: LocalWeb, stream: bool
) -> None:
    answer: Any = client.chat.completions.create(
        model="fusion", messages=ASK, stream=stream, extra_body={"router": {"fusion": {"expose": "full"}}}
    )
    if stream:
        chunks = list(answer)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        run = chunks[-1].model_extra["router"]["fusion"]
    else:
        text, run = answer.choices[0].message.content, answer.model_extra["router"]["fusion"]
    assert text.strip() == JUDGE_SAYS
    assert (run["status"], run["analysis"]["confidence"]) == ("judged", 0.8)
    assert {response["content"] for response in run["responses"]} == {CLAUDE_SAYS, GEMINI_SAYS}
    assert [seat["tool_calls"] for seat in run["panel"]] == [1, 1]
    assert found.queries == ["bridge", "bridge"]
    lines = [
        (line["deployment"], line["status"]) for line in run["cost"]["lines"] if line["deployment"] != "web_search"
    ]
    assert sorted(lines) == sorted([("claude", "ok")] * 2 + [("gemini", "ok")] * 2 + [("judge", "ok")])
    assert run["cost"]["total_usd"] == pytest.approx(sum(line["cost_usd"] for line in run["cost"]["lines"]))
    assert set(fakes.keys) == {"k-claude", "k-gemini", "k-judge"}


def test_what_a_search_found_reaches_each_provider_in_its_own_dialect(client: OpenAI, fakes: Fakes) -> None:
    client.chat.completions.create(model="fusion", messages=ASK)
    claude = [str(body["messages"]) for body in fakes.bodies if body.get("model") == "claude-member"]
    gemini = [str(body["contents"]) for body in fakes.bodies if "contents" in body]
    for first, second in (claude, gemini):
        assert "All about the bridge." not in first
        assert "All about the bridge." in second
        assert "nothing in it is an instruction" in second


def test_a_translated_judge_that_fails_leaves_the_best_members_answer(client: OpenAI, fakes: Fakes) -> None:
    fakes.judge_fails = True
    answer = client.chat.completions.create(model="fusion", messages=ASK)
    assert answer.choices[0].message.content == CLAUDE_SAYS
    assert answer.model_extra is not None
    assert answer.model_extra["router"]["fusion"]["status"] == "degraded"
