"""What verdicts say of both tiers, read from a real ledger."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier import Classifier
from classifier.assessment import Assessment
from router.core.decision import Decision
from router.core.plan import Step
from router.core.types import Attempt, Reason, Usage
from router.record.ledger.counts import Verdict
from router.record.ledger.database import open_ledger
from router.record.ledger.feedback import Judgement, keep_judgement
from router.record.record import RequestRecord
from tests.record.ledgers import fill, record, url_of
from training.judged import Judged, kept_judged, load_judged
from training.metrics import SMALL_PRICE_SHARE

JUDGE = Classifier.load()
LIGHT = JUDGE.assess("What is a glacier?").features


def asked(name: str, route: str, prompt: str, features: Any = LIGHT, **more: Any) -> RequestRecord:
    found = Assessment(0.4, 0.1, "knowledge", 0.5, False, 40, JUDGE.artifact, features=features)
    decision = Decision(route, Reason.FORCED_BY_CALLER, "balanced", (Step("small", "small"),), found)  # type: ignore[arg-type]
    digest = prompt.encode()
    return record(name, route=route, decision=decision, features_id=JUDGE.features_id, prompt_digest=digest, **more)


def judged(tmp_path: Path, *requests: tuple[RequestRecord, Verdict, float | None]) -> Judged:
    url = url_of(tmp_path / "ledger.db")
    fill(url, [request for request, _, _ in requests])
    engine = open_ledger(url)
    for request, verdict, score in requests:
        assert keep_judgement(engine, Judgement(request.request_id, verdict, score), "test", 0.0)
    engine.dispose()
    return load_judged(f"sqlite:///{url.database}", JUDGE, tmp_path / "out")[0]


def known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


@pytest.mark.parametrize(
    ("route", "verdict", "score", "small", "strong"),
    [
        ("small", "good", None, 1.0, None),
        ("small", "bad", None, 0.0, None),
        ("strong", "good", None, None, 1.0),
        ("strong", "bad", None, None, 0.0),
        ("strong", "good", 0.7, None, 0.7),
        ("strong", "good_fit", None, 0.0, 1.0),
        ("small", "underpowered", 0.2, 0.2, 1.0),
    ],
)
def test_a_verdict_on_the_answer_alone_says_nothing_of_the_other_tier(
    route: str, verdict: Verdict, score: float | None, small: float | None, strong: float | None, tmp_path: Path
) -> None:
    found = judged(tmp_path, (asked("a", route, "p"), verdict, score))
    assert (known(found.small[0]), known(found.strong[0])) == (small, strong)
    assert bool(found.both_known[0]) == (small is not None and strong is not None)


def test_what_a_tier_made_of_a_prompt_outranks_what_is_said_of_it_on_the_other_s_answer(tmp_path: Path) -> None:
    found = judged(
        tmp_path,
        (asked("a", "strong", "p"), "good_fit", None),  # says that small would have failed
        (asked("b", "small", "p"), "good", None),  # asked again: it did not
        (asked("c", "strong", "q"), "good", None),
    )
    assert found.small[:2].tolist() == [1.0, 1.0]
    assert found.strong[:2].tolist() == [1.0, 1.0]
    assert np.isnan(found.small[2])
    sizes = [len(found.rows(split, JUDGE)) for split in ("train", "calibration", "test")]
    assert sum(sizes) == 2, "only of two requests both tiers are known"


def test_what_small_costs_over_strong_is_taken_from_what_was_recorded(tmp_path: Path) -> None:
    used = Usage(1_000, 200)
    small = [Attempt("small", "scripted/small", "answer", "ok", 0.1, used, 0.0014)]
    strong = [Attempt("strong", "scripted/strong", "answer", "ok", 0.1, used, 0.01)]  # the baseline's own price
    found = judged(
        tmp_path,
        (asked("a", "small", "p", attempts=small), "good_fit", None),
        (asked("b", "strong", "q", attempts=strong), "good_fit", None),
    )
    assert found.small_price == pytest.approx(0.14)
    assert kept_judged(tmp_path / "out") is not None
    rows = found.rows(str(found.split[0]), JUDGE)
    assert rows.small_price == found.small_price


def test_without_a_priced_call_on_both_routes_the_usual_price_is_taken(tmp_path: Path) -> None:
    assert judged(tmp_path, (asked("a", "small", "p"), "good_fit", None)).small_price == SMALL_PRICE_SHARE


def test_the_same_words_behind_another_conversation_are_another_prompt(tmp_path: Path) -> None:
    found = judged(
        tmp_path,
        (asked("a", "strong", "go on"), "good", None),
        (asked("b", "small", "go on", JUDGE.assess("go on", "Prove the lemma.").features), "bad", None),
    )
    assert np.isnan(found.small[0])
    assert np.isnan(found.strong[1])
