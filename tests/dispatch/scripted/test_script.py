"""Names of scripted models and what they ask for."""

import dataclasses

import pytest

from router.dispatch import scripted
from router.dispatch.scripted import scripted_models, scripted_price, scripted_profile, scripted_script
from router.dispatch.scripted.engine import REFUSALS
from router.dispatch.scripted.script import FAILURES, OPTIONS, Script


def test_every_option_is_a_field_is_documented_and_has_a_row_in_the_table():
    fields = [field.name for field in dataclasses.fields(Script)]
    rows = [line.split()[0] for line in scripted.__doc__.splitlines() if line.split()[:1] and line[0].islower()]
    assert list(OPTIONS) == fields
    assert [row for row in rows if row in fields] == fields


def test_every_failure_is_a_status_with_a_body_or_a_way_of_going_wrong():
    ways = {"empty", "malformed", "content_type", "hang", "reset"}
    assert set(FAILURES) == set(REFUSALS) | ways


@pytest.mark.parametrize("model", scripted_models())
def test_every_built_in_has_a_price_a_window_and_known_capabilities(model):
    profile = scripted_profile(model)
    assert scripted_price(model).source == "scripted"
    assert profile.context_window > profile.max_output_tokens > 0
    assert set(profile.supports) == {"vision", "audio", "tools", "json_schema"}


def test_strong_costs_more_than_small():
    assert scripted_price("scripted/strong").output > scripted_price("scripted/small").output


def test_a_built_in_whose_own_latency_is_a_whole_number_takes_fractions():
    assert scripted_script("small?latency_ms=0.5").latency_ms == 0.5


def test_options_override_the_built_ins_habits_and_leave_the_rest():
    script = scripted_script("scripted/small?latency_ms=300&reply=a%26b+c&echo=1")
    assert (script.latency_ms, script.reply, script.echo) == (300, "a&b c", True)
    assert script.tokens_per_second == scripted_script("small").tokens_per_second


def test_a_failure_asked_for_happens_every_time_unless_a_rate_is_given():
    assert scripted_script("flash?fail=500").fail_rate == 1
    assert scripted_script("flash?fail=500&fail_rate=0.2").fail_rate == 0.2
    assert scripted_script("small?fail_rate=0.2").fail == "500"
    assert scripted_script("small?fail_times=2").fail == "500"


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        ("scripted/smal", "did you mean 'small'"),
        ("scripted/zzzz", "known are small"),
        ("scripted/small?latencyms=3", "did you mean 'latency_ms'"),
        ("scripted/small?latency_ms=soon", "is a number"),
        ("scripted/small?latency_ms=-1", r"lies in \[0"),
        ("scripted/small?latency_ms=nan", "lies in"),
        ("scripted/small?fail_rate=2", "lies in"),
        ("scripted/small?fail=hung", "did you mean 'hang'"),
        ("scripted/small?echo=yes", "is 1 or 0"),
        ("scripted/small?echo", "name=value"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_says_what_would_be_right(model, complaint):
    with pytest.raises(ValueError, match=complaint):
        scripted_script(model)
