"""Savings out of the ledger: to the last digit what the rows say, signed, with everything inside that costs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from router.cli import main
from router.core.types import Attempt, Price, Special, Usage
from router.record.ledger import savings as savings_module
from router.record.ledger.database import open_ledger
from router.record.ledger.savings import RECORDED, Savings, savings
from router.record.record import EMBEDDINGS, RequestRecord
from tests.record.ledgers import BASELINE, fill, record, url_of

CHEAP, DEAR = Price(1e-6, 2e-6), Price(1e-4, 1e-4)
assert BASELINE.price is not None


def answered(request_id: str, input_tokens: int, output_tokens: int, cost: float | None, **more: Any) -> RequestRecord:
    call = Attempt(
        "small", "scripted/small", more.pop("stage", "answer"), "ok", 0.1, Usage(input_tokens, output_tokens), cost
    )
    overhead_s = {"parse": 0.0, "assess": 0.36, "decide": 0.0, "dispatch": 0.0, "render": 0.0}
    return record(request_id, attempts=[call], overhead_s=overhead_s, **more)


def spent_in_vain(request_id: str, cost: float) -> RequestRecord:
    call = Attempt("small", "scripted/small", "answer", "upstream_empty", 0.1, Usage(100, 0), cost)
    failed = record(
        request_id, attempts=[call], overhead_s=dict.fromkeys(("parse", "assess", "decide", "dispatch", "render"), 0.0)
    )
    return replace(failed, outcome="upstream_empty")


def test_a_baseline_is_priced_by_the_tier_and_the_audio_of_the_answer(tmp_path: Path) -> None:
    usage = Usage(1_000, 200, special=Special("flex", audio_input_tokens=600))
    call = Attempt("small", "scripted/small", "answer", "ok", 0.1, usage, 0.002)
    url = url_of(tmp_path / "ledger.db")
    fill(url, [record("a", attempts=[call])])
    tiered = Price(1e-6, 2e-6, tiers={"flex": Price(5e-7, 1e-6, audio_input=4e-6)})
    engine = open_ledger(url)
    found = savings(engine, 0.0, {"tiered": tiered, "plain": Price(1e-6, 2e-6)}, cpu_usd_per_hour=0.05)
    engine.dispose()
    would = {against.baseline: against.would_usd for against in found.against}
    assert would["tiered"] == pytest.approx(0.0028, abs=1e-9)  # 400 x 0.5 + 600 x 4 + 200 x 1 = 2800 per million
    assert would["plain"] == pytest.approx(0.0014, abs=1e-9)


@pytest.fixture
def url(tmp_path: Path) -> URL:
    url = url_of(tmp_path / "ledger.db")
    embedded = replace(answered("e", 1000, 0, 0.5), endpoint=EMBEDDINGS, baseline_cost_usd=None, savings_usd=None)
    fill(url, [
        answered("a", 1000, 200, 0.002),
        replace(answered("b", 100, 10, 0.004), route="fusion"),
        spent_in_vain("c", 0.001),
        answered("d", 50, 5, None),
        embedded,
    ])  # fmt: skip
    return url


def found_in(url: URL, **more: Any) -> Savings:
    engine = open_ledger(url)
    found = savings(engine, 0.0, {"cheap": CHEAP, "dear": DEAR}, cpu_usd_per_hour=0.05, **more)
    engine.dispose()
    return found


def test_every_dollar_is_on_its_side(url: URL) -> None:
    found = found_in(url)
    one_s = 0.36 * 0.05 / 3600
    assert (found.requests, found.unpriced, found.unpriced_share, found.embeddings) == (4, 1, 0.25, 1)
    assert found.classifier_usd == pytest.approx(3 * one_s)
    assert found.spent_usd == pytest.approx(0.007 + 3 * one_s)
    assert found.wasted_usd == pytest.approx(0.001)
    assert found.embeddings_usd == pytest.approx(0.5)
    assert found.by_stage == {"answer": pytest.approx(0.007)}
    recorded, cheap, dear = found.against
    assert (recorded.baseline, recorded.requests) == (RECORDED, 3)
    would = (1000 + 100) * 5e-6 + (200 + 10) * 25e-6
    assert recorded.would_usd == pytest.approx(would)
    assert recorded.saved_usd == pytest.approx(would - 0.007 - 2 * one_s)
    assert cheap.would_usd == pytest.approx(1100e-6 + 210 * 2e-6)
    assert cheap.saved_usd < 0 < dear.saved_usd
    assert cheap.share == pytest.approx(cheap.saved_usd / cheap.would_usd)
    assert {row.name: row.requests for row in found.routes} == {"small": 2, "fusion": 1}
    assert sum(row.saved_usd for row in found.routes) == pytest.approx(recorded.saved_usd)
    assert recorded.interval_usd is None, "three requests say nothing of the spread"


def test_what_a_hang_up_cut_off_is_compared_as_far_as_it_came(tmp_path: Path) -> None:
    url = url_of(tmp_path / "ledger.db")
    call = Attempt("small", "scripted/small", "answer", "aborted", 0.1, Usage(1000, 20, estimated=True), 0.002)
    fill(url, [replace(record("a", attempts=[call]), outcome="aborted")])
    recorded, cheap, _ = found_in(url).against
    assert recorded.would_usd == pytest.approx(1000 * 5e-6 + 20 * 25e-6)
    assert cheap.would_usd == pytest.approx(1000 * 1e-6 + 20 * 2e-6)


def test_requests_for_which_nobody_was_called_are_in_no_comparison(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = url_of(tmp_path / "ledger.db")
    unread = replace(record("n", attempts=[]), outcome="model_not_found", model=None, deployment=None, decision=None)
    fill(url, [answered("a", 1000, 200, 0.002), unread])
    found = found_in(url)
    assert (found.requests, found.uncalled) == (2, 1)
    assert {against.requests for against in found.against} == {1}
    assert [part.requests for part in found.routes] == [1]
    assert main(["savings", "--ledger", str(url.database)]) == 0
    assert "without a call  1 requests" in capsys.readouterr().out


def test_nothing_saved_has_no_sign_of_a_loss(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = url_of(tmp_path / "ledger.db")
    as_dear = answered("a", 1000, 200, 1000 * 5e-6 + 200 * 25e-6)
    fill(url, [replace(as_dear, overhead_s={**as_dear.overhead_s, "assess": 1e-4})])
    assert main(["savings", "--ledger", str(url.database)]) == 0
    out = capsys.readouterr().out
    assert "-0.0" not in out
    assert "+0.000000" in out


def test_each_key_pays_its_part_and_where_nobody_has_one_there_are_none(tmp_path: Path, capsys: Any) -> None:
    paths = {name: tmp_path / f"{name}.db" for name in ("keyed", "open")}
    calls = {"a": "team-a", "b": "team-a", "c": "team-b", "d": ""}
    made = {name: answered(name, 1000, 200, 0.001 * place) for place, name in enumerate(calls, 1)}
    fill(url_of(paths["keyed"]), [replace(made[name], caller=caller) for name, caller in calls.items()])
    fill(url_of(paths["open"]), [replace(row, caller="") for row in made.values()])
    found = found_in(url_of(paths["keyed"]))
    assert {part.name: part.requests for part in found.keys} == {"team-a": 2, "team-b": 1, "none": 1}
    assert sum(part.spent_usd for part in found.keys) == pytest.approx(found.spent_usd)
    assert found_in(url_of(paths["open"])).keys == ()
    assert main(["savings", "--ledger", str(paths["keyed"]), "--since", "1970-01-01"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("team-a")]
    assert line.split()[1:3] == ["2", "0.003010"]
    assert main(["savings", "--ledger", str(paths["open"]), "--since", "1970-01-01"]) == 0
    assert "\nkey" not in capsys.readouterr().out


def test_the_interval_is_seeded_holds_the_total_and_is_as_wide_as_the_spread_says(tmp_path: Path) -> None:
    url = url_of(tmp_path / "many.db")
    fill(url, [answered(str(at), 1000, at % 7 * 100, 0.001 * (at % 3)) for at in range(600)])
    first, again, other = found_in(url), found_in(url), found_in(url, seed=1)
    assert first == again
    assert first != other
    against = first.against[0]
    assert against.interval_usd is not None
    low, high = against.interval_usd
    assert low < against.saved_usd < high
    values = [(1000 * 5e-6 + at % 7 * 100 * 25e-6) - 0.001 * (at % 3) for at in range(600)]
    middle = sum(values) / 600
    sigma = (sum((value - middle) ** 2 for value in values)) ** 0.5
    assert high - low == pytest.approx(2 * 1.96 * sigma, rel=0.15)


def test_drawing_in_blocks_leaves_the_interval_as_wide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = url_of(tmp_path / "many.db")
    fill(url, [answered(str(at), 1000, at % 7 * 100, 0.001 * (at % 3)) for at in range(2_000)])
    one_by_one = found_in(url).against[0].interval_usd
    monkeypatch.setattr(savings_module, "BLOCKS", 400)
    in_blocks = found_in(url).against[0].interval_usd
    assert one_by_one is not None
    assert in_blocks is not None
    assert in_blocks[1] - in_blocks[0] == pytest.approx(one_by_one[1] - one_by_one[0], rel=0.25)


def test_the_command_prints_a_table_and_json_that_agree(url: URL, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["savings", "--ledger", str(url.database), "--since", "2000-01-01", "--baseline", "openai/gpt-4o-mini"]
    assert main([*base, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [against["baseline"] for against in found["against"]] == [RECORDED, "openai/gpt-4o-mini"]
    price = found["prices"]["openai/gpt-4o-mini"]
    mini = found["against"][1]
    assert mini["would_usd"] == pytest.approx(
        (1100 * price["input_usd_per_mtok"] + 210 * price["output_usd_per_mtok"]) / 1e6
    )
    assert main(base) == 0
    table = capsys.readouterr().out
    assert f"{mini['saved_usd']:+.6f}" in table
    assert "scripted/strong (as recorded)" in table
    assert "1 requests (25.0%)" in table


def test_a_baseline_without_a_price_and_an_empty_ledger_are_said_so(
    url: URL, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["savings", "--ledger", str(url.database), "--baseline", "nobody/prices-this"]) == 1
    assert "no price is known" in capsys.readouterr().err
    assert main(["savings", "--ledger", str(url.database), "--since", "2100-01-01"]) == 0
    assert "No requests in that time: the ledger's are from 20" in capsys.readouterr().out
    open_ledger(empty := url_of(tmp_path / "empty.db")).dispose()
    assert main(["savings", "--ledger", str(empty.database)]) == 0
    assert "the ledger is empty" in capsys.readouterr().out


def test_two_weeks_that_meet_are_the_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url, monday = url_of(tmp_path / "ledger.db"), 1_792_368_000.0  # 2026-10-19
    fill(url, [answered(str(at), 1000, 200, 0.001 * at, started_at=monday + at * 86_400) for at in range(14)])

    def asked(*span: str) -> Any:
        assert main(["savings", "--ledger", str(url.database), *span, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    first, second = asked("--since", "2026-10-19", "--until", "2026-10-26"), asked("--since", "2026-10-26")
    whole = asked("--since", "2026-10-19")
    assert (first["requests"], second["requests"]) == (7, 7)
    for name in ("spent_usd", "classifier_usd"):
        assert first[name] + second[name] == pytest.approx(whole[name])
    assert first["by_stage"]["answer"] == pytest.approx(0.021)


def test_each_key_s_savings_have_an_interval_of_their_own(tmp_path: Path) -> None:
    url = url_of(tmp_path / "ledger.db")
    steady = [replace(answered(f"s{at}", 1000, 200, 0.001), caller="steady") for at in range(1_200)]
    wild = [replace(answered(f"w{at}", 1000, at % 7 * 100, 0.001), caller="wild") for at in range(600)]
    few = [replace(answered(f"f{at}", 1000, 200, 0.001), caller="few") for at in range(3)]
    fill(url, [*steady, *wild, *few])
    by_name = {part.name: part for part in found_in(url).keys}
    assert by_name["few"].interval_usd is None
    spread = {"steady": 0.0, "wild": 600**0.5 * 200 * 25e-6}  # 0 to 600 tokens in steps of 100 are 200 apart
    for name, sigma in spread.items():
        ends = by_name[name].interval_usd
        assert ends is not None
        assert ends[0] <= by_name[name].saved_usd + 1e-9
        assert ends[1] >= by_name[name].saved_usd - 1e-9
        assert ends[1] - ends[0] == pytest.approx(2 * 1.96 * sigma, rel=0.15, abs=1e-3)


def test_a_deployment_of_the_config_may_be_a_baseline(
    url: URL, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "router.yaml"
    config.write_text(f"""
pool:
  small: {{model: "scripted/small"}}
  own: {{model: "openai/own", api_base: "http://127.0.0.1:9/v1", api_key: "${{OWN_KEY}}", price: {{input_usd_per_mtok: 100, output_usd_per_mtok: 100}}}}
routing: {{small: [small], strong: [own], baseline: own}}
ledger: {{url: "sqlite:///{Path(str(url.database)).name}"}}
""")
    assert main(["savings", "--config", str(config), "--since", "2000-01-01", "--baseline", "own", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["against"][1]["would_usd"] == pytest.approx(1310e-4), "and nobody needs the key to say so"
