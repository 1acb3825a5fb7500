"""What decisions are held against: thresholds by mode, the pool's routes, the panel's rules. Values, fixed while a policy is in force."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from hashlib import sha256
from typing import Any

from router.core.certificate import Certificate
from router.core.evidence import NO_FUSION, FusionPolicy
from router.core.types import Deployment, Mode


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where small hands over to strong, for one mode.

    Attributes:
        complexity: at or above it a prompt escalates; in [0, 1], above 1 switches it off.
        gain: likewise for the estimated gain; above 1 switches it off.
        band: a prompt no farther than this below either threshold is uncertain, and escalates too.
        novelty: above it a prompt is too far from the training data to be trusted to small.
    """

    complexity: float
    gain: float = 2.0
    band: float = 0.0
    novelty: float = 1.0


UNCERTIFIED: Mapping[Mode, Thresholds] = {
    "cost": Thresholds(complexity=0.65, band=0.05, novelty=0.999),
    "balanced": Thresholds(complexity=0.5, band=0.05, novelty=0.999),
    "quality": Thresholds(complexity=0.35, band=0.05, novelty=0.999),
}
"""Used with an artifact that brings no thresholds of its own: even odds for ``balanced``, the others 0.15 to either side."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Routes, thresholds and rules, fixed while the gateway runs with one config and one artifact.

    Attributes:
        deployments: the whole pool by name.
        small, strong: each route's deployments, preferred first.
        baseline: the deployment that savings are measured against.
        names: deployments by every name a caller may use in an allow-list.
        version: hash of all the rest but the certificate: says which policy decided, in metrics and records.
        fusion: when the panel is asked, and who sits on it.
        certificate: what the thresholds promise; None where they are nobody's promise.
        priors: how often each deployment answers well, in [0, 1], as the classifier estimates it for prompts like those
            it was calibrated on; without those whose models it does not know.
    """

    deployments: Mapping[str, Deployment]
    small: tuple[str, ...]
    strong: tuple[str, ...]
    baseline: str
    mode: Mode = "balanced"
    aliases: Mapping[str, str] = field(default_factory=dict)
    thresholds: Mapping[Mode, Thresholds] = field(default_factory=lambda: UNCERTIFIED)
    fusion: FusionPolicy = NO_FUSION
    certificate: Certificate | None = None
    priors: Mapping[str, float] = field(default_factory=dict)
    names: Mapping[str, frozenset[str]] = field(init=False)
    version: str = field(init=False)

    def __post_init__(self) -> None:
        """Derive the names that allow-lists may use, and the version."""
        names: dict[str, frozenset[str]] = {name: frozenset((name,)) for name in self.deployments}
        for name, deployment in self.deployments.items():
            names[deployment.model] = names.get(deployment.model, frozenset()) | {name}
        object.__setattr__(self, "names", names)
        decides = [
            _plain(getattr(self, each.name)) for each in fields(self) if each.init and each.name != "certificate"
        ]
        object.__setattr__(self, "version", sha256(repr(decides).encode()).hexdigest()[:12])


def _plain(held: Any) -> Any:
    """A value in lists, which is written the same in every process: keys and sets in order."""
    if is_dataclass(held):
        return [_plain(getattr(held, each.name)) for each in fields(held)]
    if isinstance(held, Mapping):
        return [[key, _plain(held[key])] for key in sorted(held)]
    if isinstance(held, frozenset):
        return sorted(held)
    return [_plain(each) for each in held] if isinstance(held, tuple) else held
