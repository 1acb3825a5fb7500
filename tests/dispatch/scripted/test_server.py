"""The scripted upstream through the official client."""

import asyncio

import openai
import pydantic
import pytest

from router.dispatch.scripted.server import ScriptedUpstream, scripted_server

ASK = {"messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
async def client():
    app = ScriptedUpstream()
    server = scripted_server("127.0.0.1", 0, app)
    serving = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="k", max_retries=0) as client:
        yield client
    server.should_exit = True
    await serving


async def test_the_official_client_reads_models_answers_streams_and_embeddings(client):
    assert "small" in [model.id async for model in client.models.list()]
    reply = await client.chat.completions.create(model="scripted/instant", **ASK)
    stream = await client.chat.completions.create(model="instant", stream=True, **ASK)
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert text == reply.choices[0].message.content
    assert len((await client.embeddings.create(model="small", input="x")).data[0].embedding) == 16


async def test_the_official_client_parses_a_structured_answer(client):
    class City(pydantic.BaseModel):
        name: str
        people: int | None

    reply = await client.chat.completions.parse(model="instant", response_format=City, **ASK)
    assert isinstance(reply.choices[0].message.parsed, City)


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("small?fail=401", openai.AuthenticationError),
        ("small?fail=429", openai.RateLimitError),
        ("small?fail=500", openai.InternalServerError),
        ("small?fail=reset", openai.APIConnectionError),
        ("nobody", openai.NotFoundError),
        ("small?x=1", openai.BadRequestError),
    ],
)
async def test_the_official_client_sees_the_error_that_was_asked_for(client, model, error):
    with pytest.raises(error):
        await client.chat.completions.create(model=model, **ASK)


async def test_an_unknown_url_is_a_404_in_openais_form(client):
    with pytest.raises(openai.NotFoundError, match="Unknown request URL"):
        await client.images.generate(prompt="x")
