"""Cost against hand-computed cases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.cost import call_cost_usd, counterfactual_cost_usd, total_cost_usd
from router.core.types import Price, Special, Usage
from router.core.usage import read_usage, write_usage

SMALL = Price(input=0.15e-6, output=0.60e-6, cached_input=0.075e-6)
STRONG = Price(input=3e-6, output=15e-6, cached_input=0.3e-6, cache_write=3.75e-6, reasoning=20e-6)


@pytest.mark.parametrize(
    ("usage", "price", "usd"),
    [
        (Usage(1_000, 500), SMALL, 0.000450),  # 1000 x 0.15 + 500 x 0.60 = 450 per million
        (Usage(1_000, 500, cached_tokens=400), SMALL, 0.000420),  # 600 x 0.15 + 400 x 0.075 + 300
        (Usage(10_000, 1_000), STRONG, 0.045),  # 30000 + 15000
        (Usage(10_000, 1_000, cached_tokens=8_000, cache_write_tokens=1_000), STRONG, 0.02415),  # 3000+2400+3750+15000
        (Usage(10_000, 1_000, reasoning_tokens=600), STRONG, 0.048),  # 30000 + 400 x 15 + 600 x 20
        (Usage(0, 0), STRONG, 0.0),
    ],
)
def test_a_call_costs_what_the_hand_computes(usage: Usage, price: Price, usd: float) -> None:
    assert call_cost_usd(usage, price) == pytest.approx(usd, abs=1e-9)


def test_reasoning_without_a_price_of_its_own_costs_as_output() -> None:
    assert call_cost_usd(Usage(0, 1_000, reasoning_tokens=900), SMALL) == pytest.approx(0.0006, abs=1e-9)


def test_a_long_prompt_is_charged_by_the_upper_tier_throughout() -> None:
    tiered = Price(1e-6, 5e-6, above_tokens=200_000, above=Price(2e-6, 7.5e-6))
    assert call_cost_usd(Usage(200_000, 100), tiered) == pytest.approx(0.2005, abs=1e-9)
    assert call_cost_usd(Usage(200_001, 100), tiered) == pytest.approx(0.400752, abs=1e-9)


def test_the_counterfactual_prices_the_same_tokens_on_the_baseline() -> None:
    answered = Usage(1_000, 500, cached_tokens=400)
    assert counterfactual_cost_usd(answered, STRONG) == pytest.approx(0.00942, abs=1e-9)  # 1800 + 120 + 7500


def test_a_sum_without_any_known_part_is_unknown_not_zero() -> None:
    assert total_cost_usd([None, None]) is None
    assert total_cost_usd([None, 0.5]) == 0.5


counts = st.integers(0, 10**6)
usages = st.builds(Usage, counts, counts, counts, counts, counts)


@given(usages)
def test_cost_is_never_negative_even_for_impossible_counts(usage: Usage) -> None:
    assert call_cost_usd(usage, STRONG) >= 0


@given(st.lists(st.builds(Usage, counts, counts), max_size=6))
def test_cost_is_additive(parts: list[Usage]) -> None:
    whole = call_cost_usd(sum(parts, Usage()), STRONG)
    assert whole == pytest.approx(sum(call_cost_usd(part, STRONG) for part in parts))


def test_usage_is_read_from_every_dialects_place() -> None:
    openai = {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 3},
              "completion_tokens_details": {"reasoning_tokens": 2}}  # fmt: skip
    assert read_usage(openai) == Usage(9, 5, 3, 0, 2)
    assert read_usage({"prompt_tokens": 9, "completion_tokens": 5, "prompt_cache_hit_tokens": 4}) == Usage(9, 5, 4)
    assert read_usage({"prompt_tokens": 9, "completion_tokens": 1, "cache_creation_input_tokens": 6}) == Usage(
        9, 1, 0, 6
    )


def test_reasoning_counted_beside_the_answer_is_billed_as_part_of_it() -> None:
    xai = {
        "prompt_tokens": 32,
        "completion_tokens": 9,
        "total_tokens": 135,
        "completion_tokens_details": {"reasoning_tokens": 94},
    }
    assert read_usage(xai) == Usage(32, 103, reasoning_tokens=94)
    assert call_cost_usd(Usage(32, 103, reasoning_tokens=94), Price(1e-6, 10e-6)) == pytest.approx(0.001062, abs=1e-9)
    openai = xai | {"completion_tokens": 103}
    assert read_usage(openai) == Usage(32, 103, reasoning_tokens=94)


TIERED = Price(
    2e-6, 10e-6, cached_input=2e-7, cache_write=2.5e-6, cache_write_1h=4e-6, audio_input=32e-6, audio_output=64e-6,
    cached_audio_input=4e-7, above_tokens=200_000, above=Price(4e-6, 15e-6),
    tiers={
        "priority": Price(4e-6, 20e-6, cached_input=4e-7, above_tokens=200_000, above=Price(8e-6, 30e-6)),
        "flex": Price(1e-6, 5e-6),
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(10_000, 1_000, special=Special("priority")), 0.06),  # 40000 + 20000 per million
        (Usage(10_000, 1_000, special=Special("flex")), 0.015),  # 10000 + 5000
        (Usage(10_000, 1_000, special=Special("turbo")), 0.03),  # not known: 20000 + 10000
        (Usage(10_000, 1_000, 8_000, special=Special("priority")), 0.0312),  # 2000 x 4 + 8000 x 0.4 + 20000
        (Usage(10_000, 1_000, 8_000, special=Special("flex")), 0.015),  # without a price of its own cached is input
        (Usage(300_000, 1_000, special=Special("priority")), 2.43),  # 300000 x 8 + 30000
        (Usage(10_000, 1_000, special=Special(audio_input_tokens=10_000)), 0.33),  # 320000 + 10000
        (Usage(1_000, 500, special=Special("", 200, 0, 400)), 0.0346),  # 800 x 2 + 200 x 32 + 100 x 10 + 400 x 64
        (Usage(1_000, 500, reasoning_tokens=100, special=Special("", 0, 0, 400)), 0.0286),  # 2000 + 100 x 10 + 400 x 64
        (Usage(1_000, 0, 300, special=Special("", 500, 200)), 0.0105),  # 400 x 2 + 300 x 32 + 100 x 0.2 + 200 x 0.4
        (Usage(10_000, 0, 0, 6_000, special=Special(cache_write_1h_tokens=4_000)), 0.029),  # 8000 + 2000 x 2.5 + 4000 x 4
        (Usage(10_000, 0, 0, 6_000), 0.023),  # 8000 + 6000 x 2.5
        (Usage(100, 0, special=Special("", 900, 900, 900, 900)), 0.0032),  # no more audio than there was input
        (Usage(100, 0, special=Special("flex", 100)), 0.0001),  # audio without a price of its own is text
    ],
)  # fmt: skip
def test_tiers_audio_and_cache_writes_for_an_hour_cost_what_the_hand_computes(usage: Usage, cost: float) -> None:
    assert call_cost_usd(usage, TIERED) == pytest.approx(cost, abs=5e-10)
    assert counterfactual_cost_usd(usage, TIERED) == call_cost_usd(usage, TIERED)


def test_a_tier_audio_and_an_hours_cache_writes_are_read_where_providers_put_them() -> None:
    counts = {"prompt_tokens": 9, "completion_tokens": 5}
    assert read_usage(counts, "priority") == Usage(9, 5, special=Special("priority"))
    assert read_usage({**counts, "service_tier": "batch"}) == Usage(9, 5, special=Special("batch"))
    for usual in ("default", "standard", "auto", "on_demand", "Default", None, "", 3, ["flex"], "x y", "p" * 31):
        assert read_usage(counts, usual) == Usage(9, 5), usual
    spoken = {
        **counts,
        "prompt_tokens_details": {"audio_tokens": 4, "cached_tokens": 2, "cached_tokens_details": {"audio_tokens": 1}},
        "completion_tokens_details": {"audio_tokens": 3},
    }
    assert read_usage(spoken) == Usage(9, 5, 2, special=Special("", 4, 1, 3))
    hour = {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 4}
    anthropic = {**counts, "cache_creation_input_tokens": 6, "cache_creation": hour}
    litellm = {
        **counts, "prompt_tokens_details": {"cache_creation_tokens": 6, "cache_creation_token_details": hour}
    }  # fmt: skip
    assert read_usage(anthropic) == read_usage(litellm) == Usage(9, 5, 0, 6, special=Special(cache_write_1h_tokens=4))
    openrouter = {**counts, "prompt_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 2, "audio_tokens": 0}}
    assert read_usage(openrouter) == Usage(9, 5, 1, 2)


def test_audio_of_every_call_is_summed_for_the_caller() -> None:
    usages = [Usage(10, 5, special=Special("flex", 4, 0, 2)), Usage(10, 5, special=Special("", 5, 0, 3)), Usage(1, 1)]
    written = write_usage(usages, {"prompt_tokens_details": {"audio_tokens": 5}}, 0.001)
    assert written["prompt_tokens_details"]["audio_tokens"] == 9
    assert written["completion_tokens_details"]["audio_tokens"] == 5


def test_no_more_reasoning_is_charged_than_there_was_output() -> None:
    assert call_cost_usd(Usage(0, 9, reasoning_tokens=94), STRONG) == pytest.approx(9 * 20e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("value", "usage"),
    [
        ({"prompt_tokens": 1200.0, "completion_tokens": 300.0}, Usage(1200, 300)),
        ({"prompt_tokens": 8, "total_tokens": 8}, Usage(8, 0)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage()),
        ({"total_tokens": 1500}, None),
        ({"prompt_tokens": "9", "completion_tokens": True}, None),
        ({"prompt_tokens": 1e30, "completion_tokens": 2**64}, None),
        ({"prompt_tokens": 1e30, "completion_tokens": 5}, Usage(0, 5)),
        ({"prompt_tokens": float("inf"), "completion_tokens": -1}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_whole_numbers_are_read_however_written_and_what_counts_nothing_is_no_usage(
    value: dict[str, object], usage: Usage | None
) -> None:
    assert read_usage(value) == usage


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda x: st.dictionaries(st.text(), x)
    )
)
def test_odd_usage_never_raises(value: object) -> None:
    read_usage({"prompt_tokens": value, "prompt_tokens_details": value, "completion_tokens": value}, value)
    read_usage({"prompt_tokens": 1, "cache_creation_input_tokens": 1, "cache_creation": value, "service_tier": value})


def test_written_usage_sums_every_call_and_keeps_the_providers_own_fields() -> None:
    written = write_usage([Usage(10, 5), Usage(20, 7, 4)], {"prompt_tokens": 20, "queue_time": 0.2}, 0.001)
    assert written["prompt_tokens"] == 30
    assert written["total_tokens"] == 42
    assert written["prompt_tokens_details"] == {"cached_tokens": 4}
    assert written["queue_time"] == 0.2
    assert written["cost"] == 0.001


def test_written_usage_sums_reasoning_too() -> None:
    answered = {"completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0}}
    written = write_usage([Usage(1, 9, reasoning_tokens=4), Usage(1, 9, reasoning_tokens=3)], answered, None)
    assert written["completion_tokens_details"] == {"reasoning_tokens": 7, "audio_tokens": 0}
