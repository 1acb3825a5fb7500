"""The classifier that serves: an artifact, and what it says of a prompt."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from classifier import artifact
from classifier.abilities import Abilities, Known
from classifier.adaptation import Adaptation
from classifier.artifact import ArtifactError, Manifest
from classifier.asking import only_begins
from classifier.assessment import TASKS, Assessment, Contribution, Task
from classifier.features import FEATURES, OPTIONS
from classifier.lexicons import LEXICONS
from classifier.model import Instructions, Model, Scores
from classifier.preamble import behind_preamble
from classifier.request import MOST_CHARS
from classifier.text import READING, Reading, read

# Words below which a prompt is read together with the end of the conversation ("why?", "and in French?").
FOLLOW_UP_WORDS = 4
FOLLOW_UP_CONTEXT_CHARS = 300
# Characters of pasted material from which the task is called long_context.
LONG_CONTEXT_CHARS = 12_000
# Instructions whose numbers are kept.
MOST_INSTRUCTIONS = 256
# Contributions that are named; what remains is summed up in one line, so that they still add up.
NAMED_CONTRIBUTIONS = 12
# How the artifact's files begin that say what a word is worth, whether a task is set and what is material; they, and not
# what was fitted on them, make the features.
TABLES = ("word", "term", "task", "material")


class Classifier:
    """The trained complexity classifier; an :class:`~classifier.assessment.Assessor`."""

    def __init__(self, manifest: Manifest, model: Model, adaptation: Adaptation | None = None) -> None:
        """Join a manifest with the model it describes and what it was taught; use :meth:`load` for what is on disk."""
        self._manifest = manifest
        self._adaptation = adaptation
        self._model = model
        self._artifact = manifest.artifact
        self._abilities = Abilities.of(manifest.models)
        self._features_id = _features_id(manifest, model.feature_names)
        # a program sends the same instructions with all of its requests
        self._instructions = lru_cache(MOST_INSTRUCTIONS)(lambda text: _instructions(model, text))

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """The classifier of the artifact at ``path``, or the shipped default.

        Raises:
            ArtifactError: the artifact does not match itself or this release.
        """
        manifest, contents = artifact.load(path or artifact.DEFAULT_PATH)
        _check_features(manifest)
        model = Model(contents)
        return cls(manifest, model, Adaptation.of(contents, len(model.feature_names)))

    @property
    def artifact(self) -> str:
        """Name, version and content hash of the artifact, as ``name@version:hash12``."""
        return self._artifact

    @property
    def manifest(self) -> Manifest:
        """What the artifact says of itself, thresholds included where they have been chosen."""
        return self._manifest

    @property
    def feature_names(self) -> tuple[str, ...]:
        """What each number of :attr:`Assessment.features <classifier.assessment.Assessment.features>` is called."""
        return self._model.feature_names

    @property
    def features_id(self) -> str:
        """Twelve hex digits that two artifacts share only if the features of a prompt are the same in both.

        It depends on the names, the word lists, and the artifact's tables of words and of material; what was fitted on the features
        does not move it, so an artifact fitted again on recorded features keeps it.
        """
        return self._features_id

    def assess_features(self, features: npt.NDArray[np.float32]) -> Assessment:
        """Judge a prompt of which only the numbers were kept; they must be of an artifact with this ``features_id``.

        All is as in :meth:`assess`, but that the task of a long pasted text is not told from the task it asks for.
        """
        scores = self._model.scores_of(features)
        return self._assessment(scores, TASKS[scores.task], False, explain=False)

    def assess(self, text: str, context: str = "", instructions: str = "", *, explain: bool = False) -> Assessment:
        """Judge the newest human turn ``text``; see :class:`~classifier.assessment.Assessor`."""
        reading = self._read(text, context)
        features, is_by_instructions = self._features(reading, context, instructions)
        scores = self._model.scores_of(features, explain=explain)
        return self._assessment(scores, _task(scores, reading, text), is_by_instructions, explain)

    def assess_all(self, turns: Sequence[tuple[str, str, str]]) -> list[Assessment]:
        """Judge several turns; see :class:`~classifier.assessment.Assessor`.

        Step by step: what a step needs is in the processor's cache for all but the first of them.
        """
        readings = [self._read(text, context) for text, context, _ in turns]
        features = [self._features(reading, *turn[1:]) for reading, turn in zip(readings, turns, strict=True)]
        scores = [self._model.scores_of(x) for x, _ in features]
        return [
            self._assessment(found, _task(found, reading, text), is_by_instructions, explain=False)
            for found, reading, (text, _, _), (_, is_by_instructions) in zip(
                scores, readings, turns, features, strict=True
            )
        ]

    def _features(self, reading: Reading, context: str, instructions: str) -> tuple[npt.NDArray[np.float32], bool]:
        """The numbers judged of a turn, and whether they are those of its instructions.

        Long instructions are policies and personas, and no turn's task; but where the first turn says nothing they are all there is.
        """
        if instructions and not context and only_begins(reading):
            return self._model.features(read(instructions)), True
        turn = self._model.features(reading)
        if not instructions or len(instructions) > MOST_CHARS:
            return turn, False
        found = self._model.by_instructions(turn, self._instructions(instructions))
        return (turn, False) if found is None else (found, True)

    def _assessment(self, scores: Scores, task: Task, is_by_instructions: bool, explain: bool) -> Assessment:
        adaptation = self._adaptation
        complexity, gain = scores.complexity, scores.gain
        if adaptation is not None:
            complexity, gain = adaptation.correct(complexity, gain, scores.features)
        return Assessment(
            complexity=complexity,
            gain=gain,
            task=task,
            novelty=scores.novelty,
            closed_answer=scores.closed > 0.5 or float(scores.features[OPTIONS]) > 1,
            expected_output_tokens=max(1, round(scores.output_tokens)),
            artifact=self._artifact,
            contributions=_contributions(self._parts(scores)) if explain else (),
            features=scores.features,
            is_by_instructions=is_by_instructions,
        )

    def known_model(self, model: str, like: str | None = None) -> Known | None:
        """What the artifact knows of a model; see :meth:`classifier.abilities.Abilities.find`."""
        return self._abilities.find(model, like)

    def success(self, assessment: Assessment, model: str, like: str | None = None) -> float | None:
        """Probability that a model answers the prompt of an assessment well; None where it is not known.

        Args:
            assessment: of this classifier.
            model: as deployments name it, e.g. ``openai/gpt-4o-mini``.
            like: a known model that it is declared to be like.
        """
        found = self._abilities.find(model, like)
        return None if found is None else float(found.ability.success([assessment])[0])

    def mean_success(self, model: str, like: str | None = None) -> float | None:
        """Mean of :meth:`success` over prompts like those of calibration; None where it cannot be said."""
        found, mix = self._abilities.find(model, like), self._manifest.prompt_mix
        return None if found is None or mix is None else found.ability.mean_success(mix)

    def _parts(self, scores: Scores) -> Mapping[str, float]:
        """Log-odds of complexity by name: the model's, as the adaptation stretches and moves them."""
        adaptation = self._adaptation
        if adaptation is None:
            return scores.parts
        parts = {name: adaptation.slope * weight for name, weight in scores.parts.items()}
        parts["your own traffic"] = adaptation.bias
        for name, weight in zip(self._model.shown_names, adaptation.parts(scores.features).tolist(), strict=True):
            parts[name] = parts.get(name, 0.0) + weight
        return parts

    def _read(self, text: str, context: str) -> Reading:
        """The prompt's reading; a very short follow-up is read with the end of its conversation."""
        reading = read(text)
        if context and 0 < len(reading.spaced.split(maxsplit=FOLLOW_UP_WORDS)) < FOLLOW_UP_WORDS:
            return read(context[-FOLLOW_UP_CONTEXT_CHARS:] + "\n" + text)
        return reading


def _instructions(model: Model, text: str) -> Instructions:
    """What is known of instructions, which may say their task behind a role and a date."""
    return model.instructions([read(part) for part in (text, behind_preamble(text)) if part])


def _check_features(manifest: Manifest) -> None:
    """Refuse an artifact that was fitted on other hand features than this release reads."""
    if manifest.features != FEATURES:
        different = sorted(set(manifest.features) ^ set(FEATURES)) or ["their order"]
        raise ArtifactError(
            f"{artifact.MANIFEST}: features differ from this release's ({', '.join(different[:5])}); "
            "fit again with this release's training"
        )


def _features_id(manifest: Manifest, names: tuple[str, ...]) -> str:
    """See :attr:`Classifier.features_id`."""
    tables = {file: digest for file, digest in manifest.files.items() if file.startswith(TABLES)}
    listing = json.dumps([READING, names, LEXICONS, sorted(tables.items())])
    return hashlib.sha256(listing.encode()).hexdigest()[:12]


def _task(scores: Scores, reading: Reading, text: str) -> Task:
    """The likeliest task; a long pasted part overrules it."""
    if reading.n_pasted_chars > LONG_CONTEXT_CHARS or len(text) > 4 * LONG_CONTEXT_CHARS:
        return "long_context"
    return TASKS[scores.task]


def _contributions(weights: Mapping[str, float]) -> tuple[Contribution, ...]:
    """What pushed the score, largest first; the weights sum to the log-odds of complexity."""
    parts = sorted(weights.items(), key=lambda part: -abs(part[1]))
    rest = sum(weight for _, weight in parts[NAMED_CONTRIBUTIONS:])
    named = [*parts[:NAMED_CONTRIBUTIONS], ("everything else", rest)]
    return tuple(Contribution(name, weight) for name, weight in sorted(named, key=lambda part: -abs(part[1])))
