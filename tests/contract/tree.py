"""The README's tree, made from the files' own first lines: ``python tests/contract/tree.py`` writes it into the README."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
FENCE = "```text\n"
PACKAGES = ("router", "classifier", "training", "dashboards")
OTHERS = {
    "router/demo/router.yaml": "the demo's pool",
    "router/demo/prompts.jsonl": "the demo's prompts",
    "classifier/artifacts/": "the shipped artifact: arrays, manifest, model card",
    "training/everyday/": "everyday prompts, labelled by judgement, with a README",
    "training/traffic/": "judgements of traffic whose texts are not here, with a README",
    "training/families/": "prompts of many kinds of tasks, labelled by judgement, with a README",
    "training/instructed/": "requests with a system message, labelled by judgement, with a README",
    "training/LOG.md": "what was tried, with numbers; failures stay",
    "tests/": "mirrors the packages; contract/ = what the repository promises, e2e/ = real clients, bench/ = benchmarks",
    "dashboards/README.md": "how to bring them up, what they show, which alerts there are",
    "dashboards/prometheus.yml": "what Prometheus scrapes and evaluates",
    "dashboards/rules/": "recording rules and alert rules",
    "dashboards/grafana/": "the dashboards as Grafana loads them, and where it finds them",
    "dashboards/compose/": "gateway, Prometheus and Grafana with one command",
    "dashboards/pictures/": "the dashboards, drawn from a real run",
    "requirements.lock": "every runtime dependency, pinned with hashes",
    ".ci/run": "what CI runs",
}


def tree() -> str:
    """The tree as text."""
    entries = {
        str(path.relative_to(ROOT)): _first_line(path) for name in PACKAGES for path in (ROOT / name).rglob("*.py")
    }
    entries = {name: line for name, line in entries.items() if not name.endswith("__init__.py")}
    entries |= {name: line for name, line in OTHERS.items() if (ROOT / name).exists()}
    lines: list[str] = []
    shown: set[str] = set()
    for name in sorted(entries, key=_order):
        parts = name.rstrip("/").split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder not in shown:
                shown.add(folder)
                init = ROOT / folder / "__init__.py"
                lines.append(_line(depth - 1, parts[depth - 1] + "/", _first_line(init) if init.exists() else ""))
        lines.append(_line(len(parts) - 1, parts[-1] + ("/" if name.endswith("/") else ""), entries[name]))
    return "\n".join(lines) + "\n"


def _order(name: str) -> tuple[int, list[tuple[bool, str]]]:
    top = name.split("/")[0]
    rank = PACKAGES.index(top) if top in PACKAGES else len(PACKAGES)
    parts = name.rstrip("/").split("/")
    return rank, [(index < len(parts) - 1 or name.endswith("/"), part) for index, part in enumerate(parts)]


def _line(depth: int, name: str, words: str) -> str:
    return f"{'  ' * depth}{name}".ljust(34) + (f" {words}" if words else "")


def _first_line(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.splitlines()[0].rstrip(".") if text else ""


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    head, _, rest = text.partition("## The tree\n")
    before, _, after = rest.partition(FENCE)
    README.write_text(f"{head}## The tree\n{before}{FENCE}{tree()}```" + after.partition("```")[2], encoding="utf-8")
