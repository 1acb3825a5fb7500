"""Values: equal by what they hold, usable as keys, and without room for anything else."""

from dataclasses import replace

import pytest

from router.core.types import Usage


def test_values_are_equal_by_what_they_hold_and_can_be_keys() -> None:
    assert Usage(1, 2) == Usage(1, 2) != Usage(2, 1)
    assert {Usage(1, 2): "found"}[Usage(1, 2)] == "found"
    assert replace(Usage(1, 2), output_tokens=3) == Usage(1, 3)


def test_values_have_no_room_for_what_was_not_declared() -> None:
    with pytest.raises(AttributeError):
        Usage(1, 2).cost = 3.0  # type: ignore[attr-defined]
