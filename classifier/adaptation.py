"""What a gateway's own traffic has taught an artifact: a small correction on top of a fitted model, numpy alone.

The model's log-odds that the small and the strong tier fail are stretched, shifted, and moved by the features that the
prompt was judged by. Without words and without texts, so it can be fitted from a ledger that keeps neither.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from classifier.artifact import Array, ArtifactError, Contents
from classifier.odds import log_odds, sigmoid

Floats = npt.NDArray[np.float32]

PREFIX = "adaptation_"
"""How the artifact's files begin that hold it; an artifact without them has never been adapted."""

LIMIT = 4.0
"""Standard deviations at which a feature is cut: beyond lies nothing that was learned from."""


@dataclass(frozen=True, slots=True)
class Adaptation:
    """A correction of both failure probabilities.

    Attributes:
        mean, scale: of the features it was fitted on, shape (features,); ``scale`` multiplies.
        weights: log-odds per standard deviation, shape (features, 2); columns are the small and the strong tier.
        blend: slope and bias of the model's own log-odds, shape (2, 2); a row a tier.
    """

    mean: Floats
    scale: Floats
    weights: Floats
    blend: Floats

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit each other."""
        n = len(self.mean)
        if self.scale.shape != (n,) or self.weights.shape != (n, 2) or self.blend.shape != (2, 2):
            raise ArtifactError("the adaptation's arrays do not fit each other; adapt again")

    @classmethod
    def of(cls, contents: Contents, n_features: int) -> Self | None:
        """The adaptation of an artifact's payload; None where there is none.

        Raises:
            ArtifactError: it was fitted on other features.
        """
        if f"{PREFIX}weights" not in contents.arrays:
            return None
        try:
            parts = [
                contents.arrays[PREFIX + name].astype(np.float32) for name in ("mean", "scale", "weights", "blend")
            ]
        except KeyError as error:
            raise ArtifactError(f"{error.args[0]}.npy is missing; adapt again") from error
        if parts[0].shape != (n_features,):
            raise ArtifactError(
                f"{PREFIX}mean.npy: {parts[0].shape[0]} features, the model has {n_features}; adapt this artifact again"
            )
        return cls(*parts)

    def arrays(self) -> dict[str, Array]:
        """What an artifact keeps of it."""
        return {PREFIX + name: getattr(self, name) for name in ("mean", "scale", "weights", "blend")}

    def correct(self, complexity: float, gain: float, features: Floats) -> tuple[float, float]:
        """Complexity and gain as the traffic has taught them.

        Args:
            complexity, gain: the model's own.
            features: the numbers it judged, shape (features,).
        """
        pushed = (self._standardised(features) @ self.weights).tolist()
        (slope, bias), (strong_slope, strong_bias) = self.blend.tolist()
        small = sigmoid(slope * log_odds(complexity) + bias + pushed[0])
        strong = sigmoid(strong_slope * log_odds(complexity - gain) + strong_bias + pushed[1])
        return small, small - strong

    def parts(self, features: Floats) -> npt.NDArray[np.float64]:
        """Log-odds of complexity that each feature adds, shape (features,)."""
        added: npt.NDArray[np.float64] = (self._standardised(features) * self.weights[:, 0]).astype(np.float64)
        return added

    @property
    def slope(self) -> float:
        """What the model's own contributions are multiplied by."""
        return float(self.blend[0, 0])

    @property
    def bias(self) -> float:
        """Log-odds of complexity that every prompt gets."""
        return float(self.blend[0, 1])

    def _standardised(self, features: Floats) -> Floats:
        z: Floats = np.maximum(np.minimum((features - self.mean) * self.scale, LIMIT), -LIMIT)
        return z
