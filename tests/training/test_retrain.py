"""From a gateway's ledger to an artifact in use: what an operator does at night, over a real gateway and a real file."""

import json
import random
import re
import resource
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from openai import OpenAI
from sqlalchemy import Engine, select, update

from classifier import Classifier, artifact
from router.cli import main as router
from router.record.ledger.counts import Verdict
from router.record.ledger.database import open_ledger, read_url
from router.record.ledger.feedback import Judgement, keep_judgement
from router.record.ledger.schema import FEEDBACK, REQUESTS, STATE
from router.reload import POLL_S
from tests.live import POOL, gateway
from training.cli import FAILED, OK, REFUSED, main
from training.promote import history_of

TOPICS = ("invoice", "river", "violin", "carburettor", "tax form", "sourdough", "glacier", "lease", "router", "poem")
ASKS = ("Say what a {} is.", "Explain step by step how one would repair or improve a {}, with reasons and numbers.")


SMALL = "scripted/small?latency_ms=0&tokens_per_second=0&jitter=0"
NEEDED: dict[tuple[str, bool], Verdict] = {("small", True): "underpowered", ("strong", False): "overprovisioned"}


def fix_hashes(url: str) -> None:
    """Make the ledger with a known key, so that which prompts are held back does not change from run to run."""
    engine = open_ledger(read_url(url))
    with engine.begin() as connection:
        connection.execute(update(STATE).where(STATE.c.name == "hash_key").values(text="07" * 32))
    engine.dispose()


def judge(engine: Engine, request_id: str, verdict: Verdict) -> None:
    """Keep a verdict, as soon as the request it is about has been written."""
    deadline_s = time.monotonic() + 5
    while keep_judgement(engine, Judgement(request_id, verdict), "test", 0.0) is None:
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def prompts(n: int) -> list[str]:
    return [ASKS[number % 2].format(TOPICS[number % 10]) + f" Case {number}." for number in range(n)]


@contextmanager
def files_of_at_most(n_bytes: int) -> Iterator[None]:
    """A disk that is full, as far as this process can tell."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The ledger of a gateway whose callers are served by small on long questions, and not on short ones."""
    url = f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'ledger.db'}"
    fix_hashes(url)
    config = POOL.replace("ledger: {enabled: false}", f"ledger: {{url: '{url}'}}")
    ids: list[tuple[str, str, str]] = []
    with gateway(config) as live:
        client = OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0)
        for text in prompts(360):
            raw = client.chat.completions.with_raw_response.create(
                model="auto", messages=[{"role": "user", "content": text}]
            )
            ids.append((text, raw.headers["x-router-request-id"], raw.headers["x-router-route"]))
        dice = random.Random(4)
        engine = open_ledger(read_url(url), create=False)
        for text, request_id, route in ids:
            hard = text.startswith("Say") != (dice.random() < 0.08)
            judge(engine, request_id, NEEDED.get((route, hard), "good_fit"))
        engine.dispose()
    return url


@pytest.fixture(scope="module")
def out(ledger: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    assert main(["run", "--ledger", ledger, "--out", str(folder)]) == OK
    return folder


def test_a_model_of_the_ledger_is_added_from_verdicts_on_its_answers(
    ledger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(artifact.DEFAULT_PATH, tmp_path / "artifact")
    add = ["add-model", "--ledger", ledger, "--artifact", str(tmp_path / "artifact"), "--model"]
    assert main([*add, SMALL]) == OK
    assert SMALL in capsys.readouterr().out
    after = Classifier.load(tmp_path / "artifact")
    entry = after.manifest.models[SMALL]
    assert entry["outcomes"] > 100
    answered = [after.success(after.assess(text), SMALL) for text in prompts(20)]
    assert np.mean([found or 0.0 for found in answered]) == pytest.approx(entry["mean_score"], abs=0.15)
    assert main([*add, "openai/nobody"]) == REFUSED
    assert SMALL in capsys.readouterr().err


def test_a_ledger_without_texts_makes_a_better_artifact(out: Path) -> None:
    before, after = Classifier.load(), Classifier.load(out / "artifact")
    fresh = prompts(600)[400:]
    hard = np.array([text.startswith("Say") for text in fresh])
    gap = [np.array([judge.assess(text).complexity for text in fresh]) for judge in (before, after)]
    assert gap[1][hard].mean() - gap[1][~hard].mean() > gap[0][hard].mean() - gap[0][~hard].mean() + 0.2
    assert after.manifest.version == "1.0.0+ledger.1"
    assert after.manifest.data["ledger"]["base"] == before.artifact
    assert after.features_id == before.features_id, "what the ledger kept stays usable"


def test_with_enough_verdicts_thresholds_are_chosen_on_the_ledger_and_drift_is_measured_against_it(
    ledger: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("training.retrain.LEAST_CALIBRATION", 20)
    main(["run", "--ledger", ledger, "--out", str(tmp_path), "--max-quality-loss", "0.00001"])
    said = capsys.readouterr().out
    assert "none keeps the promise in mode cost, balanced, quality, which sends everything to strong" in said
    assert re.search(r"^balanced +0\.\d+ -> 1\.000 ", said, re.MULTILINE), "what the new thresholds do is shown"
    main(["run", "--ledger", ledger, "--out", str(tmp_path)])
    before, after = artifact.read_manifest(artifact.DEFAULT_PATH), artifact.read_manifest(tmp_path / "artifact")
    assert after.thresholds != before.thresholds
    assert after.complexity_reference is not None
    assert after.complexity_reference != before.complexity_reference
    assert 20 <= after.complexity_reference["prompts"] < 360
    assert after.prompt_mix is not None
    assert after.prompt_mix != before.prompt_mix


def test_what_is_promoted_is_in_use_and_what_was_there_comes_back(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "in-use"
    shutil.copytree(artifact.DEFAULT_PATH, target)
    before, candidate = Classifier.load(target).artifact, Classifier.load(out / "artifact").artifact
    assert main(["promote", "--out", str(out), "--to", str(target)]) == OK
    assert "taught shuffled labels" in capsys.readouterr().out
    assert Classifier.load(target).artifact == candidate
    assert main(["promote", "--out", str(out), "--to", str(target)]) == OK
    assert f"already: {candidate}; nothing changes" in capsys.readouterr().out
    assert main(["rollback", "--to", str(target)]) == OK
    assert Classifier.load(target).artifact == before
    assert main(["rollback", "--to", str(target)]) == REFUSED
    assert (history_of(target) / "rolled-back" / artifact.MANIFEST).is_file()


def test_a_running_gateway_takes_over_what_is_promoted(out: Path, tmp_path: Path) -> None:
    target = tmp_path / "in-use"
    shutil.copytree(artifact.DEFAULT_PATH, target)
    candidate = Classifier.load(out / "artifact").artifact
    with gateway(POOL + f"classifier: {{path: '{target}'}}\n") as live:
        client = OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0)

        def judged_by() -> str:
            raw = client.chat.completions.with_raw_response.create(
                model="auto", messages=[{"role": "user", "content": "hi"}]
            )
            return raw.headers["x-router-classifier"]

        assert judged_by() != candidate
        assert main(["promote", "--out", str(out), "--to", str(target)]) == OK
        deadline_s = time.monotonic() + 3 * POLL_S
        while judged_by() != candidate and time.monotonic() < deadline_s:
            time.sleep(0.05)
        assert judged_by() == candidate


def test_a_model_that_was_added_since_the_run_is_not_forgotten(
    ledger: str, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "in-use"
    shutil.copytree(artifact.DEFAULT_PATH, target)
    assert main(["add-model", "--ledger", ledger, "--artifact", str(target), "--model", SMALL]) == OK
    assert main(["promote", "--out", str(out), "--to", str(target)]) == REFUSED
    said = capsys.readouterr().err
    assert SMALL in said
    assert f"run again with --artifact {target}" in said
    assert SMALL in artifact.read_manifest(target).models


def test_two_artifacts_are_compared_on_what_a_ledger_s_run_held_back(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = [str(artifact.DEFAULT_PATH), str(out / "artifact")]
    assert main(["compare", *pair, "--out", str(out), "--json", str(tmp_path / "found.json")]) == OK
    assert "balanced" in capsys.readouterr().out
    found, kept = (json.loads(path.read_text()) for path in (tmp_path / "found.json", out / "comparison.json"))
    assert found["measures"] == kept["measures"]
    assert main(["compare", *pair, "--out", str(out), "--split", "calibration"]) == REFUSED


def test_a_worse_artifact_stays_out(out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target, run = tmp_path / "in-use", tmp_path / "run"
    shutil.copytree(out / "artifact", target)
    shutil.copytree(out, run)
    shutil.rmtree(run / "artifact")
    shutil.copytree(artifact.DEFAULT_PATH, run / "artifact")
    better = Classifier.load(target).artifact
    assert main(["promote", "--out", str(run), "--to", str(target)]) == FAILED
    assert "not promoted" in capsys.readouterr().err
    assert Classifier.load(target).artifact == better
    assert not history_of(target).exists()


def test_a_place_that_cannot_be_written_is_named_without_a_traceback(
    ledger: str, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    inside = str(tmp_path / "file" / "inside")
    assert main(["run", "--ledger", ledger, "--out", inside]) == REFUSED
    assert main(["promote", "--out", str(out), "--to", inside]) == REFUSED
    assert capsys.readouterr().err.count(f"error: {tmp_path / 'file'}") == 2


def test_a_disk_that_fills_up_leaves_nothing_half_written(
    ledger: str, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with files_of_at_most(100_000):
        assert main(["run", "--ledger", ledger, "--out", str(tmp_path / "run")]) == REFUSED
        assert main(["promote", "--out", str(out), "--to", str(tmp_path / "in-use")]) == REFUSED
    assert "nothing was changed" in capsys.readouterr().err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--ledger", "sqlite:////nowhere/ledger.db"], "no ledger at"),
        (["--ledger", "/nowhere/ledger.db"], "no ledger at /nowhere/ledger.db"),
        (["--ledger", "mysql://user:secret@host/db"], "neither a SQLite nor a PostgreSQL"),
        (["--ledger", "sqlite:///x.db", "--data", "somewhere"], "not both"),
    ],
)
def test_a_ledger_that_cannot_be_used_is_refused_with_the_fix_and_without_the_password(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--out", str(tmp_path / "out"), *arguments]) == REFUSED
    told = capsys.readouterr().err
    assert said in told
    assert "secret" not in told


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_an_export_teaches_what_the_ledger_teaches(form: str, ledger: str, out: Path, tmp_path: Path) -> None:
    export = str(tmp_path / f"export.{form}")
    assert router(["ledger", "export", "--ledger", ledger, "--format", form, "--output", export]) == 0
    assert main(["run", "--ledger", export, "--out", str(tmp_path / "run")]) == OK
    learned, expected = artifact.load(tmp_path / "run" / "artifact")[0], artifact.load(out / "artifact")[0]
    assert (learned.artifact, learned.data, learned.thresholds) == (
        expected.artifact,
        expected.data,
        expected.thresholds,
    )


def test_an_export_that_is_none_or_was_cut_off_is_refused_by_name_and_line(
    ledger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export, other = tmp_path / "export.jsonl", tmp_path / "verdicts.jsonl"
    router(["ledger", "export", "--ledger", ledger, "--output", str(export)])
    export.write_bytes(b"".join(export.read_bytes().splitlines(keepends=True)[:7])[:-40])
    other.write_text('{"request_id": "a", "verdict": "good"}\n')
    for named, said in (
        (export, "export.jsonl:7: is no JSON"),
        (other, "is no export of a ledger"),
        (tmp_path / "none.jsonl", "none.jsonl: not found"),
    ):
        assert main(["run", "--ledger", str(named), "--out", str(tmp_path / "run")]) == REFUSED
        assert said in capsys.readouterr().err


def test_a_ledger_without_verdicts_says_how_to_give_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    open_ledger(read_url(url)).dispose()
    for named in (url, str(tmp_path / "empty.db")):  # a file is named as for fusion-router's own commands
        assert main(["load", "--ledger", named, "--out", str(tmp_path / "out")]) == REFUSED
        assert "POST /v1/feedback" in capsys.readouterr().err


def judged_anew(ledger: str, folder: Path, verdict_of: Callable[[str, Verdict], Verdict]) -> str:
    """A copy of the ledger in which strong answered every other request, with verdicts made of the route and of those there were."""
    with (
        closing(sqlite3.connect(ledger.removeprefix("sqlite:///"))) as old,
        closing(sqlite3.connect(folder / "ledger.db")) as new,
    ):
        old.backup(new)
    engine = open_ledger(read_url(url := f"sqlite:///{folder / 'ledger.db'}"), create=False)
    about = select(REQUESTS.c.request_id, REQUESTS.c.route, FEEDBACK.c.verdict).join(
        FEEDBACK, FEEDBACK.c.request_id == REQUESTS.c.request_id
    )
    with engine.begin() as connection:
        connection.execute(update(REQUESTS).where(REQUESTS.c.seq % 2 == 0).values(route="strong"))
        found = connection.execute(about).all()
    for request_id, route, verdict in found:
        judge(engine, request_id, verdict_of(route, verdict))
    engine.dispose()
    return url


def test_verdicts_that_only_repeat_the_route_promote_nothing(
    ledger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = judged_anew(ledger, tmp_path, lambda route, verdict: "good_fit" if route == "strong" else verdict)
    assert main(["run", "--ledger", url, "--out", str(tmp_path / "run")]) == FAILED
    assert "FAILED  of strong's good answers, small would have done for some" in capsys.readouterr().out
    assert main(["promote", "--out", str(tmp_path / "run"), "--to", str(tmp_path / "in-use")]) == FAILED
    assert not (tmp_path / "in-use").exists()


def test_verdicts_on_answers_alone_teach_but_prove_nothing_of_the_other_route(
    ledger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = judged_anew(
        ledger, tmp_path, lambda route, verdict: "bad" if verdict in ("underpowered", "failed") else "good"
    )
    assert main(["run", "--ledger", url, "--out", str(tmp_path / "run")]) == REFUSED
    said = capsys.readouterr()
    assert "which say nothing of the other route's answer, and only teach: 360" in said.out
    assert "ask some prompts again with model: small, or strong, and judge both answers" in said.err
