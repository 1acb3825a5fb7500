"""Who on a panel is near the best member."""

from importlib.resources import files

import orjson
from hypothesis import given
from hypothesis import strategies as st

from router.core.fusion import Member
from router.core.panel import rank_members
from router.core.standing import NEAR_EQUAL, standing
from router.core.types import Deployment, Price

A, B, C = PANEL = tuple(map(Member, "abc"))


def pool(**output_usd: float | None) -> dict[str, Deployment]:
    return {
        name: Deployment(name, f"x/{name}", None if usd is None else Price(usd / 5, usd))
        for name, usd in output_usd.items()
    }


EQUAL = pool(a=10.0, b=5.0, c=2.0)


def test_within_seven_points_all_are_near_and_beyond_them_nobody_is() -> None:
    found = standing(PANEL, EQUAL, {"a": 0.80, "b": 0.73, "c": 0.72})
    assert (found.by, found.near, found.behind, found.best) == ("priors", (A, B), ("c",), "a")
    assert standing(PANEL, EQUAL, {"a": 0.8, "b": 0.6, "c": 0.7}).near == (A,)


def test_the_classifiers_estimates_go_before_prices_and_after_the_configs_word() -> None:
    estimates = {"a": 0.6, "b": 0.8, "c": 0.79}
    found = standing(PANEL, pool(a=25.0, b=2.5, c=0.4), {}, estimates)
    assert (found.by, found.near, found.best) == ("estimates", (B, C), "b")
    assert standing(PANEL, EQUAL, {"a": 0.8, "b": 0.8, "c": 0.8}, estimates).by == "priors"
    assert standing(PANEL, EQUAL, {}, {"a": 0.6}).by == "prices"


def test_prices_stand_in_where_a_prior_is_missing_and_only_an_order_of_magnitude_counts() -> None:
    assert standing(PANEL, EQUAL, {"a": 0.9, "b": 0.1}) == standing(PANEL, EQUAL, {})
    assert standing(PANEL, EQUAL, {}).near == PANEL
    found = standing(PANEL, pool(a=25.0, b=2.5, c=0.4), {})
    assert (found.by, found.near, found.behind, found.best) == ("prices", (A, B), ("c",), "a")


def test_where_nothing_is_known_of_somebody_nobody_is_left_out() -> None:
    for prices in (pool(a=25.0, b=None, c=0.1), pool(a=0.0, b=0.0, c=0.0)):
        assert standing(PANEL, prices, {}).near == PANEL
        assert standing(PANEL, prices, {}).by == "nothing"


def test_the_same_model_twice_is_its_own_equal() -> None:
    twice = (Member("a"), Member("a", 1.0, 7), C)
    assert standing(twice, EQUAL, {"a": 0.9, "c": 0.5}).near == twice[:2]


priors = st.fixed_dictionaries({name: st.floats(0, 1) for name in "abc"})


@given(priors)
def test_the_best_is_always_near_and_nobody_is_lost(known: dict[str, float]) -> None:
    found = standing(PANEL, EQUAL, known)
    assert Member(found.best) in found.near
    assert {m.deployment for m in found.near} | set(found.behind) == set("abc")


def test_the_shipped_evidence_rests_on_the_same_distance() -> None:
    table = orjson.loads(files("router").joinpath("fusion_evidence.json").read_bytes())
    assert table["spread"] == NEAR_EQUAL


def test_priors_say_who_is_best_before_the_strong_route_and_the_price_do() -> None:
    assert rank_members(PANEL, EQUAL, ("a",), {"a": 0.7, "b": 0.75, "c": 0.8}) == (2, 1, 0)
    assert rank_members(PANEL, EQUAL, ("b",), {"a": 0.7}) == (1, 0, 2)
