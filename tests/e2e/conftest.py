"""Live servers, shared by the module; the direct pool goes over a second real socket."""

from collections.abc import Iterator

import pytest
from openai import AsyncOpenAI, OpenAI

from tests.live import POOL, LiveGateway, gateway, upstream


@pytest.fixture(scope="package")
def upstream_url() -> Iterator[str]:
    with upstream() as url:
        yield url


def direct(config: str, url: str) -> str:
    """The same pool, reached over a socket through the OpenAI dialect."""
    return config.replace('"scripted/', '"openai/scripted/').replace(
        '&jitter=0"', f'&jitter=0", api_base: "{url}", api_key: sk-up'
    )


@pytest.fixture(scope="package", params=["in process", "over a socket"])
def live(request: pytest.FixtureRequest, upstream_url: str) -> Iterator[LiveGateway]:
    price = ", price: {input_usd_per_mtok: 5, output_usd_per_mtok: 25}, supports: [tools, json_schema, vision]"
    config = POOL if request.param == "in process" else direct(POOL, upstream_url).replace("sk-up", "sk-up" + price)
    with gateway(config) as running:
        yield running


@pytest.fixture
def client(live: LiveGateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0) as made:
        yield made


@pytest.fixture
async def async_client(live: LiveGateway) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0)
