"""Dense features of many readings, one row each."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from classifier.features import FEATURES, dense_features
from classifier.text import Reading
from classifier.words import RARITY_FEATURES, WordTable


def dense_rows(readings: Sequence[Reading], table: WordTable) -> npt.NDArray[np.float32]:
    """Hand features, rarity features and topic vector of each reading, float32."""
    shape = (len(readings), len(FEATURES) + len(RARITY_FEATURES) + table.dimensions)
    return np.array([dense_features(reading, table) for reading in readings], dtype=np.float32).reshape(shape)
