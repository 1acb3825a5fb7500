"""A correction learned from traffic: what it leaves alone, what it moves, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier import Classifier, artifact
from classifier.adaptation import PREFIX, Adaptation
from classifier.artifact import ArtifactError, Contents
from classifier.model import Model
from classifier.odds import log_odds

N = 4
MANIFEST, CONTENTS = artifact.load(artifact.DEFAULT_PATH)
MODEL = Model(CONTENTS)
PROMPTS = ("hi", "Prove that the sequence converges.", "Übersetze: Guten Morgen", "def f(x): return x", "")


def adaptation(n: int = N, weight: float = 0.0, blend: tuple[float, ...] = (1.0, 0.0, 1.0, 0.0)) -> Adaptation:
    ones = np.ones(n, dtype=np.float32)
    weights = np.full((n, 2), weight, dtype=np.float32)
    return Adaptation(0 * ones, ones, weights, np.array(blend, dtype=np.float32).reshape(2, 2))


@given(st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_a_correction_that_has_learned_nothing_changes_nothing(small: float, strong: float) -> None:
    found = adaptation().correct(small, small - strong, np.zeros(N, dtype=np.float32))
    assert found == pytest.approx((small, small - strong), abs=1e-5)


@given(st.floats(0, 1), st.floats(-1, 1), st.floats(-1e6, 1e6), st.floats(-3, 3))
def test_a_corrected_prompt_keeps_to_the_ranges(complexity: float, gain: float, feature: float, weight: float) -> None:
    features = np.full(N, feature, dtype=np.float32)
    found, gained = adaptation(weight=weight, blend=(2.0, 1.0, 0.5, -1.0)).correct(complexity, gain, features)
    assert 0 <= found <= 1
    assert -1 <= gained <= 1


def test_a_feature_that_fails_more_on_this_traffic_makes_a_prompt_harder() -> None:
    features = np.ones(N, dtype=np.float32)
    assert (
        adaptation(weight=0.3).correct(0.4, 0.2, features)[0]
        > 0.4
        > adaptation(weight=-0.3).correct(0.4, 0.2, features)[0]
    )


def test_an_artifact_without_a_correction_has_none_and_half_of_one_is_refused() -> None:
    assert Adaptation.of(CONTENTS, len(MODEL.feature_names)) is None
    arrays = adaptation().arrays()
    whole = Contents(arrays)
    assert Adaptation.of(whole, N) is not None
    with pytest.raises(ArtifactError, match="features, the model has"):
        Adaptation.of(whole, N + 1)
    with pytest.raises(ArtifactError, match="is missing"):
        Adaptation.of(Contents({name: array for name, array in arrays.items() if name != PREFIX + "scale"}), N)
    with pytest.raises(ArtifactError, match="do not fit"):
        Adaptation.of(Contents({**arrays, PREFIX + "blend": np.ones(3, dtype=np.float32)}), N)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_contributions_of_a_corrected_prompt_still_add_up_to_its_log_odds(prompt: str) -> None:
    learned = adaptation(len(MODEL.feature_names), 0.002, (0.8, 0.3, 1.1, 0.0))
    explained = Classifier(MANIFEST, MODEL, learned).assess(prompt, explain=True)
    total = sum(part.weight for part in explained.contributions)
    assert total == pytest.approx(log_odds(explained.complexity), abs=1e-3)
    assert explained.complexity != Classifier(MANIFEST, MODEL).assess(prompt).complexity


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_kept_numbers_of_a_prompt_are_judged_as_the_prompt_was(prompt: str) -> None:
    classifier = Classifier(MANIFEST, MODEL, adaptation(len(MODEL.feature_names), 0.01))
    first = classifier.assess(prompt)
    assert first.features is not None
    again = classifier.assess_features(first.features)
    assert (again.complexity, again.gain, again.novelty) == (first.complexity, first.gain, first.novelty)
    assert (again.closed_answer, again.expected_output_tokens) == (first.closed_answer, first.expected_output_tokens)
