"""What a certificate says, and when it no longer stands."""

from datetime import date
from typing import Any

import pytest

from classifier import Classifier
from router.core.certificate import read_certificate

FRESH = date(2026, 3, 1)
RAW: dict[str, Any] = {
    "artifact": "mine@1:abc",
    "promise": "quality",
    "delta": 0.05,
    "holds_for": "prompts like these",
    "window": {"from": "2026-01-01", "to": "2026-02-01"},
    "expires": "2026-05-01",
    "modes": {
        "balanced": {"alpha": 0.02, "certified": True, "n": 1200, "sent_small": 700, "failures": 9},
        "cost": {"certified": False, "target_cost_share": 0.3},
    },
}


def test_a_promise_names_loss_confidence_evidence_and_term() -> None:
    certificate = read_certificate({"certificate": RAW}, {"numpy": "2"})
    assert certificate is not None
    assert certificate.in_words("balanced", "mine@1:abc", FRESH) == (
        "mode balanced loses at most 2.0% of always-strong's quality, with confidence 95% "
        "(1,200 calibration groups, 700 sent small, 9 failures; until 2026-05-01)"
    )
    assert "uncertified" in certificate.in_words("cost", "mine@1:abc", FRESH)
    assert "uncertified" in certificate.in_words("quality", "mine@1:abc", FRESH), (
        "a mode without an entry has no promise"
    )


@pytest.mark.parametrize(
    ("artifact", "today", "doubts"),
    [
        ("mine@1:abc", date(2026, 5, 1), ["the thresholds of cost are uncertified"]),
        ("mine@1:abc", date(2026, 5, 2), ["the certificate expired on 2026-05-01", "the thresholds of cost are"]),
        ("mine@2:def", date(2026, 4, 1), ["the thresholds were chosen for mine@1:abc, not for mine@2:def", "the th"]),
    ],
)
def test_a_promise_is_doubted_for_another_artifact_after_its_term_and_where_it_was_never_tested(
    artifact: str, today: date, doubts: list[str]
) -> None:
    certificate = read_certificate({"certificate": RAW}, {})
    assert certificate is not None
    found = certificate.doubts(artifact, today)
    said_of_it = certificate.in_words("balanced", artifact, today)
    assert said_of_it.startswith("mode balanced promises nothing: ") is (len(doubts) > 1)
    assert ("loses at most" in said_of_it) is (len(doubts) == 1), "what is void is not promised beside its doubt"
    assert len(found) == len(doubts)
    assert all(said.startswith(start) for said, start in zip(found, doubts, strict=True))


def test_thresholds_chosen_without_a_promise_are_read_and_say_so() -> None:
    raw = {"certified": False, "promise": None, "delta": None, "expires": None, "artifact": "mine@1:abc"}
    modes = {"balanced": {"certified": False, "alpha": 0.02}}
    certificate = read_certificate({"certificate": {**raw, "modes": modes}}, {})
    assert certificate is not None
    assert "uncertified" in certificate.in_words("balanced", "mine@1:abc", FRESH)
    assert certificate.facts("balanced")["certified"] is False


def test_thresholds_without_a_certificate_promise_nothing() -> None:
    assert read_certificate(None, {}) is None
    assert read_certificate({"balanced": {"complexity": 0.5}}, {}) is None


def test_the_shipped_artifact_was_given_its_own_certificate() -> None:
    classifier = Classifier.load()
    certificate = read_certificate(classifier.manifest.thresholds, classifier.manifest.versions)
    assert certificate is not None
    assert certificate.doubts(classifier.artifact, date(2026, 1, 1)) == ()
    assert certificate.facts("balanced")["n"] > 1_000
