"""Tables for terminals, and a word on how busy the machine was."""

import os
import platform
import statistics


def print_table(rows: list[dict[str, str]]) -> None:
    widths = {key: max(len(key), *(len(row[key]) for row in rows)) for key in rows[0]}
    first = next(iter(widths))
    for row in [dict(zip(widths, widths, strict=True)), {key: "-" * width for key, width in widths.items()}, *rows]:
        cells = (row[key].ljust(width) if key == first else row[key].rjust(width) for key, width in widths.items())
        print("  ".join(cells))


def spread(values: list[float]) -> str:
    """Lowest and highest round, as shares of the median."""
    middle = statistics.median(values)
    return f"{min(values) / middle - 1:+.0%} {max(values) / middle - 1:+.0%}"


def noise() -> str:
    """What else the numbers depend on."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, load averages {load}"
