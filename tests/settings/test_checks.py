import argparse
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from classifier import Classifier
from classifier.artifact import DEFAULT_PATH, MANIFEST
from router.app import build_policy, create_app, panel_doubt
from router.commands import check
from router.config.load import load_settings
from router.core.ask import RESERVED_NAMES
from router.core.fusion import Member
from router.settings import Complaint, Settings
from tests import live
from tests.settings.conftest import POOL, ROUTING

Load = Callable[..., Settings]
Complain = Callable[..., dict[str, Complaint]]


FREE = "{input_usd_per_mtok: 0, output_usd_per_mtok: 0}"
PANEL = "fusion: {panel: [strong, flash], judge: small}"


def warned(settings: Settings) -> dict[str, Complaint]:
    return {warning.key: warning for warning in settings.warnings}


@pytest.mark.parametrize(
    ("text", "key", "fix"),
    [
        ("routing: {small: [smal], strong: [strong]}", "routing.small[0]", "did you mean small?"),
        ("routing: {small: [small], strong: [strong], baseline: zzz}", "routing.baseline", "name one of"),
        (ROUTING + "fusion: {panel: [strong, flsh]}", "fusion.panel[1]", "did you mean flash?"),
        (ROUTING + "fusion: {panel: [flash], judge: strng}", "fusion.judge", "did you mean strong?"),
        (ROUTING + "  aliases: {gpt-4o: atuo}", "routing.aliases.gpt-4o", "did you mean auto?"),
    ],
)
def test_names_must_exist(complaints: Complain, text: str, key: str, fix: str) -> None:
    assert fix in complaints(POOL + text)[key].fix


def test_aliases_lead_to_routes_modes_and_deployments(load: Load) -> None:
    loaded = load(
        POOL + ROUTING + "  aliases: {gpt-4o: auto, cheap: auto-cost, best: fusion, f: flash, s: small}\n" + PANEL
    )
    assert loaded.routing.aliases["gpt-4o"] == "auto"
    assert loaded.routing.aliases["f"] == "flash"


@pytest.mark.parametrize("fusion", ["", "fusion: {enabled: false, panel: [strong, flash], judge: small}"])
def test_an_alias_does_not_lead_to_a_panel_that_is_not_there(complaints: Complain, fusion: str) -> None:
    found = complaints(POOL + ROUTING + "  aliases: {best: fusion, deep: openrouter/fusion}\n" + fusion)
    assert {"routing.aliases.best", "routing.aliases.deep"} == set(found)
    assert "fusion.panel" in found["routing.aliases.best"].fix


@pytest.mark.parametrize("alias", ["flash", "auto", "fusion", "small"])
def test_an_alias_shadows_neither_a_deployment_nor_a_built_in_name(complaints: Complain, alias: str) -> None:
    assert f"routing.aliases.{alias}" in complaints(POOL + ROUTING + f"  aliases: {{{alias}: auto}}")


def test_an_alias_cannot_lead_to_another_alias(complaints: Complain) -> None:
    found = complaints(POOL + ROUTING + "  aliases: {a: b, b: auto}")
    assert "another alias" in found["routing.aliases.a"].fix


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES - {"small", "strong"}))
def test_a_deployment_cannot_take_a_built_in_name(complaints: Complain, name: str) -> None:
    assert f"pool.{name}" in complaints(POOL + f"  {name}: {{model: openai/gpt-6-luna}}\n" + ROUTING)


def test_a_deployment_named_like_a_route_must_be_on_it(complaints: Complain) -> None:
    assert "routing.small" in complaints(POOL + "routing: {small: [flash], strong: [strong]}")


@pytest.mark.parametrize("member", ["auto", "fusion", "openrouter/fusion", "best"])
def test_a_panel_asks_deployments_only(complaints: Complain, member: str) -> None:
    text = POOL + ROUTING + f"  aliases: {{best: fusion}}\nfusion: {{panel: [strong, {member}]}}"
    assert "the gateway itself" in complaints(text)["fusion.panel[1]"].problem


def test_a_deployment_is_named_once_per_list(complaints: Complain) -> None:
    found = complaints(POOL + "routing: {small: [small, small], strong: [strong]}")
    assert "second time" in found["routing.small[1]"].problem


def test_fusion_needs_a_panel_and_a_quorum_it_can_reach(complaints: Complain) -> None:
    assert "fusion.panel" in complaints(POOL + ROUTING + "fusion: {enabled: true}")
    assert "fusion.quorum" in complaints(POOL + ROUTING + "fusion: {panel: [strong, flash], quorum: 3}")


def test_tasks_of_the_fusion_table_are_known_ones(load: Load, complaints: Complain) -> None:
    assert load(POOL + ROUTING + "fusion: {tasks: {code: true}}").fusion.tasks == {"code": True}
    assert "fusion.tasks.coding" in complaints(POOL + ROUTING + "fusion: {tasks: {coding: true}}")


def test_an_unpriced_baseline_is_a_warning(load: Load) -> None:
    text = "pool: {small: {model: openai/gpt-6-luna}, strong: {model: openai/own, api_base: http://h/v1}}" + ROUTING
    assert {"pool.strong.price", "routing.baseline"} <= set(warned(load(text)))


def test_a_small_model_dearer_than_the_strong_one_is_a_warning(load: Load) -> None:
    text = "pool: {a: {model: anthropic/claude-opus-5}, b: {model: openai/gpt-6-luna}}"
    assert "dearer" in warned(load(text + "\nrouting: {small: [a], strong: [b]}"))["routing.small"].problem


def test_a_judge_on_the_panel_is_a_warning(load: Load) -> None:
    assert "fusion.judge" in warned(load(POOL + ROUTING + "fusion: {panel: [strong, flash], judge: strong}"))


def test_a_panel_of_one_is_a_warning(load: Load) -> None:
    assert "fusion.panel" in warned(load(POOL + ROUTING + "fusion: {panel: [flash], judge: strong}"))
    assert "fusion.panel" not in warned(load(POOL + ROUTING + "fusion: {panel: [flash, small], judge: strong}"))


@pytest.mark.parametrize(("known", "doubtful"), [("small", "strong"), ("strong", "small")])
def test_a_route_that_requests_leave_because_nobody_said_what_it_can_do_is_a_warning(
    load: Load, known: str, doubtful: str
) -> None:
    def warning(says: str) -> Complaint | None:
        mine = f"{{model: openai/mine, api_base: http://h/v1, price: {FREE}{says}}}"
        return warned(load(f"pool:\n  {known}: {{model: openai/gpt-4o}}\n  {doubtful}: {mine}\n{ROUTING}")).get(
            f"routing.{doubtful}"
        )

    told = warning("")
    assert told is not None
    assert f"tools, json_schema, vision: requests that need it go to {known}" in told.problem
    assert warning(", lacks: [tools, vision]").problem.count("json_schema") == 1  # type: ignore[union-attr]
    assert warning(", supports: [tools]") is None


WEB = POOL + ROUTING + "fusion:\n  panel: [strong, flash]\n  judge: small\n  web: "


def test_the_web_section_is_read_with_prices_from_the_table(load: Load) -> None:
    web = load(WEB + "{search: {provider: tavily}, allow_private: [10.2.0.0/16, wiki.internal]}").fusion.web
    assert web is not None
    assert web.search is not None
    assert web.search.usd_per_query == 0.008
    assert web.fetch
    assert web.allow_private.allow("wiki.internal", "192.168.0.1")
    assert not web.allow_private.allow("other.internal", "192.168.0.1")


def test_a_searchs_key_is_a_secret(load: Load) -> None:
    loaded = load(WEB + "{search: {provider: searxng, url: http://s, api_key: '${SEARCH_KEY}'}}", SEARCH_KEY="s3cret")
    assert loaded.fusion.web is not None
    assert loaded.fusion.web.search is not None
    assert loaded.fusion.web.search.api_key == "s3cret"
    assert "s3cret" not in repr(loaded)


def test_a_search_without_a_known_price_is_a_warning(load: Load) -> None:
    assert "fusion.web.search.usd_per_query" in warned(load(WEB + "{search: {provider: brave}}"))


@pytest.mark.parametrize(
    ("web", "key", "says"),
    [
        ("{serach: {provider: searxng}}", "fusion.web.serach", "did you mean search?"),
        ("{search: {provider: tavly}}", "fusion.web.search.provider", "did you mean tavily?"),
        ("{search: {url: http://s}}", "fusion.web.search.provider", "write searxng"),
        ("{search: {provider: searxng}}", "fusion.web.search.url", "http://127.0.0.1:8888"),
        ("{search: {provider: searxng, url: s.example}}", "fusion.web.search.url", "http://127.0.0.1:8888"),
        ("{allow_private: [10.0.0.0/33]}", "fusion.web.allow_private[0]", "10.2.0.0/16"),
        ("{fetch: false}", "fusion.web.fetch", "add a search"),
        ("{timeout_s: 0}", "fusion.web.timeout_s", "above 0"),
    ],
)
def test_what_is_wrong_with_the_web_section_is_named(complaints: Complain, web: str, key: str, says: str) -> None:
    complaint = complaints(WEB + web)[key]
    assert says in complaint.fix


def test_a_seat_may_have_a_temperature_and_a_seed_and_be_taken_twice(load: Load, complaints: Complain) -> None:
    seats = "fusion: {judge: small, panel: [strong, {model: strong, temperature: 1, seed: 7}]}"
    assert load(POOL + ROUTING + seats).fusion.controls.panel == (Member("strong"), Member("strong", 1, 7))
    twice = load(POOL + ROUTING + "fusion: {panel: [flash, flash]}")
    assert twice.fusion.controls.panel == (Member("flash"), Member("flash"))
    assert "seed" in warned(twice)["fusion.panel[1]"].fix
    wrong = complaints(POOL + ROUTING + "fusion: {panel: [{modle: flash}, {model: flash, seed: x}]}")
    assert {"fusion.panel[0].modle", "fusion.panel[0].model", "fusion.panel[1].seed"} <= wrong.keys()


SEATS = (
    POOL + "  twin: {model: openai/gpt-4o}\n" + ROUTING + "fusion:\n  panel: [strong, flash, twin]\n  judge: small\n"
)


def doubt_of(settings: Settings) -> str:
    return panel_doubt(build_policy(settings, Classifier.load()))


def test_members_far_behind_the_best_are_a_warning_and_priors_say_who_is(load: Load) -> None:
    said = doubt_of(load(SEATS + "  priors: {strong: 0.8, flash: 0.6, twin: 0.75}"))
    assert "flash far behind strong (by fusion.priors" in said
    assert "leave them out" in said
    alone = doubt_of(load(SEATS + "  priors: {strong: 0.9, flash: 0.6, twin: 0.75}"))
    assert "no run begins by itself" in alone
    assert doubt_of(load(SEATS + "  priors: {strong: 0.8, flash: 0.78, twin: 0.75}")) == ""


def test_where_the_classifier_knows_all_members_its_estimates_say_who_is(load: Load) -> None:
    pool = "pool: {small: {model: openai/gpt-3.5-turbo}, strong: {model: openai/gpt-4o}}\n"
    assert "small far behind strong (by the classifier's" in doubt_of(
        load(pool + ROUTING + "fusion: {panel: [strong, small]}")
    )


def test_prices_stand_in_where_nothing_else_is_known_and_the_warning_says_so(load: Load) -> None:
    priced = (
        "{model: openai/a, api_base: 'http://127.0.0.1:1/v1', price: {input_usd_per_mtok: 1, output_usd_per_mtok: %s}}"
    )
    pool = f"pool: {{small: {priced % 1}, strong: {priced % 50}}}\n"
    said = doubt_of(load(pool + ROUTING + "fusion: {panel: [strong, small]}"))
    assert "by price alone, more than 10 times" in said
    assert "fusion.priors" in said


def test_check_and_serve_say_it(load: Load, tmp_path: Path, capsys: Any, caplog: Any) -> None:
    path = tmp_path / "seats.yaml"
    path.write_text(SEATS + "  priors: {strong: 0.9, flash: 0.6, twin: 0.75}\nledger: {enabled: false}\n")
    keys = {"OPENAI_API_KEY": "x", "ANTHROPIC_API_KEY": "x", "GEMINI_API_KEY": "x"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in keys.items():
            patch.setenv(name, value)
        patch.setattr(logging.getLogger("router"), "propagate", True)  # a gateway that ran before has turned it off
        assert check.run(argparse.Namespace(config=path)) == 0
        with caplog.at_level("WARNING"):
            create_app(load_settings(path, keys), CollectorRegistry())
    assert f"warning: {path}:12: fusion.panel: flash, twin far behind strong" in capsys.readouterr().err
    assert "flash, twin far behind strong" in caplog.text


def test_priors_and_thresholds_of_fusion_are_checked(load: Load, complaints: Complain) -> None:
    assert "did you mean strong?" in complaints(SEATS + "  priors: {strng: 0.8}")["fusion.priors.strng"].fix
    assert "fusion.priors.strong" in complaints(SEATS + "  priors: {strong: 80}")
    assert "fusion.complexity.balancd" in complaints(SEATS + "  complexity: {balancd: 0.5}")
    assert "fusion.priors" in warned(load(SEATS + "  priors: {strong: 0.8}"))
    found = load(SEATS + "  complexity: {balanced: 0.8, quality: , cost: 0.9}").fusion.complexity
    assert found == {"balanced": 0.8, "cost": 0.9}


def test_check_promises_nothing_of_an_artifact_that_the_certificate_is_not_for(tmp_path: Path, capsys: Any) -> None:
    shutil.copytree(DEFAULT_PATH, tmp_path / "artifact")
    manifest = orjson.loads((tmp_path / "artifact" / MANIFEST).read_bytes())
    (tmp_path / "artifact" / MANIFEST).write_bytes(orjson.dumps({**manifest, "version": "9.9.9"}))
    path = tmp_path / "router.yaml"
    path.write_text(live.POOL + "classifier: {path: artifact}\n")
    assert check.run(argparse.Namespace(config=path)) == 0
    said = capsys.readouterr()
    assert "mode balanced promises nothing: the thresholds were chosen for " in said.out
    assert "loses at most" not in said.out
    assert "warning: the thresholds were chosen for " in said.err
