"""What an artifact promises of its thresholds, and whether the promise still stands. Pure; today's date is an argument."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from router.core.types import MODES, Mode


@dataclass(frozen=True, slots=True)
class Promise:
    """What one mode's thresholds promise.

    Attributes:
        alpha: the largest share that may be lost, in [0, 1]; None where thresholds were chosen without a promise.
        certified: whether a test holds the promise; a naive choice has none.
        n: calibration groups it was tested on.
        sent_small: how many of them the small model answers.
        failures: how many of those the small model gets wrong where the strong one does not.
    """

    alpha: float | None
    certified: bool
    n: int = 0
    sent_small: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Certificate:
    """An artifact's promise about its thresholds.

    Attributes:
        artifact: what the thresholds were chosen for, as ``name@version:hash12``.
        kind: what is promised: ``quality`` or ``failures``.
        delta: how probable a broken promise may be, in [0, 1].
        holds_for: which prompts and models.
        window: first and last day of the data; None where undated.
        expires: the last day; None without a term.
        term: what the term counts from, or why there is none.
        calibrated_on: which prompts made the artifact's scores into probabilities; empty where it is not said.
        versions: of the libraries that fitted it.
    """

    artifact: str
    kind: str
    delta: float
    holds_for: str
    window: tuple[str | None, str | None]
    expires: date | None
    versions: Mapping[str, str]
    modes: Mapping[Mode, Promise]
    term: str = ""
    calibrated_on: str = ""

    def voided(self, artifact: str, today: date) -> tuple[str, ...]:
        """Why no mode's promise stands for an artifact today; empty where they do."""
        found = []
        if self.artifact != artifact:
            found.append(f"the thresholds were chosen for {self.artifact}, not for {artifact}")
        if self.expires is not None and today > self.expires:
            found.append(f"the certificate expired on {self.expires}")
        return tuple(found)

    def doubts(self, artifact: str, today: date) -> tuple[str, ...]:
        """Why promises do not stand, all or those of some modes; empty where they do."""
        voided = self.voided(artifact, today)
        naive = [mode for mode, promise in self.modes.items() if not promise.certified]
        return (*voided, f"the thresholds of {', '.join(naive)} are uncertified") if naive else voided

    def in_words(self, mode: Mode, artifact: str, today: date) -> str:
        """What one mode's thresholds promise of an artifact today, in a sentence."""
        if voided := self.voided(artifact, today):
            return f"mode {mode} promises nothing: {'; '.join(voided)}"
        promise = self.modes.get(mode)
        if promise is None or not promise.certified or promise.alpha is None:
            return f"mode {mode} is uncertified: its thresholds were the best on their own calibration data"
        if self.kind == "quality":
            what = f"loses at most {promise.alpha:.1%} of always-strong's quality"
        else:
            what = f"lets at most {promise.alpha:.1%} of prompts fail that strong gets right"
        term = f"until {self.expires}" if self.expires else "without expiry date, for its data has no dates"
        return (
            f"mode {mode} {what}, with confidence {1 - self.delta:.0%} ({promise.n:,} calibration groups, "
            f"{promise.sent_small:,} sent small, {promise.failures:,} failures; {term})"
        )

    def facts(self, mode: Mode) -> dict[str, Any]:
        """One mode's promise as plain data."""
        promise = self.modes.get(mode, Promise(None, certified=False))
        return {
            "certified": promise.certified,
            "promise": self.kind,
            "alpha": promise.alpha,
            "delta": self.delta,
            "n": promise.n,
            "sent_small": promise.sent_small,
            "failures": promise.failures,
            "artifact": self.artifact,
            "holds_for": self.holds_for,
            "window": {"from": self.window[0], "to": self.window[1]},
            "expires": self.expires.isoformat() if self.expires else None,
            "term": self.term,
            "calibrated_on": self.calibrated_on,
            "versions": dict(self.versions),
        }


def read_certificate(thresholds: Mapping[str, Any] | None, versions: Mapping[str, str]) -> Certificate | None:
    """The certificate of a manifest's ``thresholds``; None where there is none.

    Args:
        thresholds: the manifest's entry, or None before thresholds are chosen.
        versions: of the libraries that fitted the artifact.
    """
    raw = (thresholds or {}).get("certificate")
    if not isinstance(raw, Mapping):
        return None
    window = raw.get("window") or {}
    return Certificate(
        artifact=str(raw.get("artifact", "")),
        kind=str(raw.get("promise") or "quality"),
        delta=float(raw.get("delta") or 1.0),
        holds_for=str(raw.get("holds_for", "")),
        window=(window.get("from"), window.get("to")),
        expires=date.fromisoformat(raw["expires"]) if raw.get("expires") else None,
        versions=dict(versions),
        modes={mode: _promise(raw["modes"][mode]) for mode in MODES if mode in raw.get("modes", {})},
        term=str(raw.get("term") or ""),
        calibrated_on=str(raw.get("calibrated_on") or ""),
    )


def _promise(raw: Mapping[str, Any]) -> Promise:
    return Promise(
        alpha=raw.get("alpha"),
        certified=bool(raw.get("certified")),
        n=int(raw.get("n", 0)),
        sent_small=int(raw.get("sent_small", 0)),
        failures=int(raw.get("failures", 0)),
    )
