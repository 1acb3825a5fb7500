"""What the classifier says of a prompt."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from classifier.value import value

Task = Literal[
    "chat",
    "writing",
    "knowledge",
    "extraction",
    "classification",
    "translation",
    "summarisation",
    "math",
    "reasoning",
    "code",
    "tool_use",
    "long_context",
    "other",
]
TASKS: tuple[Task, ...] = get_args(Task)


@dataclass(frozen=True, slots=True)
class Contribution:
    """One thing that pushed the score, in words a person understands.

    ``weight`` is in log-odds of complexity: positive pushes toward the strong route.
    """

    name: str
    weight: float


@value
class Assessment:
    """A prompt's complexity, with the artifact that judged it.

    Attributes:
        complexity: calibrated probability in [0, 1] that the small model's answer is not good enough.
        gain: estimated P(strong is right) - P(small is right), in [-1, 1]; what spending would buy.
        task: what kind of work the prompt asks for.
        novelty: how far the prompt lies from the training data, in [0, 1], as a quantile of the training
            prompts' own distances: 0.99 means farther out than 99 % of them.
        closed_answer: True where the answer is a number, an option, a label or an enum.
        expected_output_tokens: typical length of an answer to such a prompt.
        artifact: name, version and content hash (first 12 hex digits) of what judged it.
        contributions: what pushed the score, largest first; empty unless asked for.
        features: the numbers that were judged, read-only, in the order of the classifier's ``feature_names``; no word of
            the prompt can be read off them. None where an assessor has no such numbers.
        is_by_instructions: the turn asks nothing by itself; what system messages ask of it was judged.
    """

    complexity: float
    gain: float
    task: Task
    novelty: float
    closed_answer: bool
    expected_output_tokens: int
    artifact: str
    contributions: tuple[Contribution, ...] = ()
    features: npt.NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    is_by_instructions: bool = False


class Assessor(Protocol):
    """Anything that can judge a prompt: the shipped classifier, or a test's fake."""

    @property
    def artifact(self) -> str:
        """Name, version and content hash of the artifact, as ``name@version:hash12``."""
        ...

    def assess(self, text: str, context: str = "", instructions: str = "", *, explain: bool = False) -> Assessment:
        """Judge the newest user turn ``text`` in the light of what stands around it; never raises for any string.

        Args:
            text: the newest human turn, wrappers and injected reminders already removed.
            context: what came before it that bears on it (earlier turns, newest last), possibly long or
                empty.
            instructions: what system messages say, which may hold the task of a turn that asks nothing by itself.
            explain: also fill ``contributions``, which costs time.
        """
        ...

    def assess_all(self, turns: Sequence[tuple[str, str, str]]) -> list[Assessment]:
        """Judge several turns, each a ``text`` with its ``context`` and ``instructions``, as :meth:`assess` judges one."""
        return [self.assess(*turn) for turn in turns]
