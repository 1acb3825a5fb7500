"""Writes the dashboards' JSON: ``python -m dashboards.build``. A test holds the committed files to it."""

from pathlib import Path

from dashboards.cost import COST
from dashboards.grafana import dashboard_json
from dashboards.health import HEALTH
from dashboards.panel import Board
from dashboards.quality import QUALITY

HERE = Path(__file__).parent
FOLDER = HERE / "grafana" / "dashboards"
BOARDS: tuple[Board, ...] = (COST, QUALITY, HEALTH)


def files() -> dict[Path, str]:
    """What is written, by path."""
    return {FOLDER / f"{board.name}.json": dashboard_json(board) for board in BOARDS}


def main() -> None:
    """Write the files, and say so."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in files().items():
        path.write_text(text, encoding="utf-8", newline="\n")
        print(path)


if __name__ == "__main__":
    main()
