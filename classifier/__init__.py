"""Prompt in, assessment out: the trained complexity classifier. numpy only, no pickle, no network."""

from classifier.artifact import ArtifactError, Manifest
from classifier.assessment import Assessment, Assessor, Contribution, Task
from classifier.classifier import Classifier

__all__ = ["ArtifactError", "Assessment", "Assessor", "Classifier", "Contribution", "Manifest", "Task"]
