"""The ways in which an exchange breaks, each with a meaning."""

import pytest

from router.dispatch.breakage import MEANINGS, Breakage, meaning
from router.errors import UpstreamBroken, UpstreamTimeout


def test_every_way_to_break_has_a_meaning():
    assert set(Breakage.__subclasses__()) == set(MEANINGS)


@pytest.mark.parametrize("way", MEANINGS)
def test_the_meaning_names_the_deployment(way):
    error = meaning(way(), "small")
    assert type(error) is MEANINGS[way][0]
    assert error.message.startswith("small: ")


@pytest.mark.parametrize("way", MEANINGS)
def test_after_bytes_have_left_nothing_is_retried(way):
    assert isinstance(meaning(way(), "small", sent_on=True), UpstreamBroken | UpstreamTimeout)


def test_only_who_had_the_request_and_let_us_wait_may_charge_for_it():
    assert {way.__name__ for way in MEANINGS if meaning(way(), "small").billed} == {"Silent", "OutOfTime"}
    assert all(meaning(way(), "small", billed=True).billed for way in MEANINGS)
