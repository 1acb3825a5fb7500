"""aiohttp's exceptions, mapped one and all."""

import inspect

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions

from router.dispatch.breakage import BREAKAGES, MEANINGS, NOT_ON_THIS_PATH, breakage
from router.errors import UpstreamBroken, UpstreamTimeout

NAMESPACES = (aiohttp, client_exceptions, http_exceptions)
EXCEPTIONS = {
    cls
    for namespace in NAMESPACES
    for cls in vars(namespace).values()
    if inspect.isclass(cls) and issubclass(cls, Exception) and cls.__module__.startswith("aiohttp")
}


@pytest.mark.parametrize("cls", sorted(EXCEPTIONS, key=lambda cls: cls.__name__))
def test_every_exception_of_aiohttp_has_a_meaning_of_its_own(cls):
    assert cls in MEANINGS or cls in NOT_ON_THIS_PATH


def test_the_walk_sees_the_exceptions_that_matter():
    assert {
        aiohttp.ClientConnectorError,
        aiohttp.ServerDisconnectedError,
        aiohttp.SocketTimeoutError,
    } <= EXCEPTIONS


@pytest.mark.parametrize("cls", MEANINGS)
def test_everything_with_a_meaning_is_caught(cls):
    assert issubclass(cls, BREAKAGES)


@pytest.mark.parametrize("cls", MEANINGS)
def test_after_bytes_have_left_nothing_is_retried(cls):
    error = breakage(cls.__new__(cls), "small", sent_on=True)
    assert isinstance(error, UpstreamBroken | UpstreamTimeout)


def test_an_exception_of_tomorrow_means_what_its_base_means():
    class Novel(aiohttp.ClientPayloadError):
        pass

    assert type(breakage(Novel(), "small")) is MEANINGS[aiohttp.ClientPayloadError][0]


def test_the_exceptions_own_words_stay_out():
    error = breakage(aiohttp.ClientError("http://user:secret@host/"), "small")
    assert "secret" not in str(error)
