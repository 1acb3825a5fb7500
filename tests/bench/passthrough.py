"""What the gateway is measured against: FastAPI and aiohttp passing bytes through, and nothing else.

python -m tests.bench.passthrough --port 9002 --upstream http://127.0.0.1:9001
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

HEADERS = {"content-type": "application/json", "authorization": "Bearer sk-upstream"}


def passthrough(upstream: str) -> FastAPI:
    url = f"{upstream}/v1/chat/completions"

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as app.state.session:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/readyz")
    async def readyz() -> Response:
        return Response()

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        session: aiohttp.ClientSession = app.state.session
        body = await request.body()
        if b'"stream":true' in body:
            return StreamingResponse(relayed(session, body), media_type="text/event-stream")
        async with session.post(url, data=body, headers=HEADERS) as reply:
            return Response(await reply.read(), reply.status, media_type="application/json")

    async def relayed(session: aiohttp.ClientSession, body: bytes) -> AsyncIterator[bytes]:
        async with session.post(url, data=body, headers=HEADERS) as reply:
            async for data in reply.content.iter_any():
                yield data

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9002)
    parser.add_argument("--upstream", default="http://127.0.0.1:9001")
    options = parser.parse_args()
    uvicorn.run(passthrough(options.upstream), port=options.port, log_level="warning", access_log=False)
