"""Points in time are read as people write them, and nothing else is taken for one."""

from datetime import UTC, datetime

import pytest

from router.core.since import read_since

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", NOW - 1_800),
        ("12h", NOW - 43_200),
        ("1.5d", NOW - 129_600),
        ("2w", NOW - 1_209_600),
        (" 0s ", NOW),
        ("1700000000", 1_700_000_000.0),
        ("1700000000.25", 1_700_000_000.25),
        ("2026-11-25", NOW - 43_200),
        ("2026-11-25T12:00Z", NOW),
        ("2026-11-25T13:00+01:00", NOW),
        ("2026-11-25 12:00", NOW),
    ],
)
def test_ages_dates_and_seconds_are_points_in_time(text: str, expected: float) -> None:
    assert read_since(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "lately", "7", "7 days", "-7d", "7D", "25.11.2026", "nan", "1e9", "7d" * 50])
def test_anything_else_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="write an age such as"):
        read_since(text, NOW)
