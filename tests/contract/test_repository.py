"""What the repository promises about itself."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.contract.tree import FENCE, tree

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SOURCES = sorted(path for folder in ("router", "classifier", "training") for path in (ROOT / folder).rglob("*.py"))


def test_imports_keep_to_the_contracts() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([str(lint)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_litellm_is_imported_in_its_own_files_only() -> None:
    importers = [
        path.name for path in SOURCES if re.search(r"^\s*(?:import litellm|from litellm)", path.read_text(), re.M)
    ]
    assert all(name.startswith("litellm_") for name in importers)


def test_extras_are_installed_from_the_checkout_since_no_index_has_the_package() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    said = {
        path: path.read_text(encoding="utf-8") for path in (*SOURCES, *ROOT.glob("*.md"), *ROOT.glob("dashboards/*.md"))
    }
    asked = {(path, source, extra) for path, text in said.items()
             for source, extra in re.findall(r"pip install (?:-e )?['\"]([^'\"\[]*)\[([\w,]+)\]", text)}  # fmt: skip
    assert {extra for _, _, extra in asked} >= {"otel", "postgres", "training", "dashboards"}
    assert [found for found in asked if found[1] != "." or found[2] not in extras] == []


def test_prometheus_metrics_are_made_in_one_file() -> None:
    makers = [path.name for path in SOURCES if re.search(r"import .*\b(?:Counter|Histogram|Gauge)\b.*", path.read_text())
              and "prometheus_client" in path.read_text()]  # fmt: skip
    assert makers == ["metrics.py"]


@pytest.mark.parametrize("command", [["--help"], ["demo", "--help"], ["serve", "--help"], ["score", "--help"]])
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    code = f"import sys; from router.cli import main\ntry: main({command!r})\nexcept SystemExit: pass\n"
    code += "heavy = {'numpy', 'fastapi', 'litellm', 'openai', 'uvicorn', 'aiohttp'} & set(sys.modules); assert not heavy, heavy"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_importing_the_application_does_not_import_litellm_or_the_sdk() -> None:
    code = "import sys, router.app; assert not {'litellm', 'openai', 'httpx', 'sklearn'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_readmes_tree_has_every_file_with_its_own_first_line() -> None:
    shown = README.partition("## The tree")[2].partition(FENCE)[2].partition("```")[0]
    assert shown == tree(), "run: python tests/contract/tree.py"


def test_every_dependency_has_its_sentence() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    block = text.partition("dependencies = [")[2].partition("]\n")[0]
    lines = [line for line in block.splitlines() if line.strip().startswith('"')]
    assert lines
    assert all("#" in line for line in lines)


def test_the_lock_file_pins_every_runtime_dependency_with_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for wanted in project["dependencies"]:
        name = re.split(r"[><=;\[ ]", wanted)[0].lower()
        assert re.search(rf"^{re.escape(name)}==\S+", lock, re.M | re.I), name
    assert lock.count("--hash=sha256:") > len(project["dependencies"])


def test_no_source_file_has_outgrown_its_job() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert not {name: lines for name, lines in long.items() if lines > 400}


def test_nothing_names_where_or_how_it_was_made() -> None:
    words = re.compile(r"\.\./shared|/work/|helper session|issue #?\d+\b", re.I)
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    for name in files:
        if name.endswith((".py", ".md", ".toml", ".yaml", ".yml", ".jsonl", ".lock")) and name != str(
            Path(__file__).relative_to(ROOT)
        ):
            assert not words.search((ROOT / name).read_text(encoding="utf-8")), name


def test_the_lock_has_a_litellm_that_knows_what_our_lists_of_it_name() -> None:
    named = re.findall(r"Source: litellm (\d+)\.(\d+)\.(\d+)", (ROOT / "router" / "providers.py").read_text())
    locked = re.search(r"^litellm==(\d+)\.(\d+)\.(\d+)", (ROOT / "requirements.lock").read_text(), re.M)
    assert named
    assert locked is not None
    assert tuple(map(int, locked.groups())) >= max(tuple(map(int, version)) for version in named)


def test_the_images_health_check_asks_for_what_a_restart_can_mend() -> None:
    (check,) = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("HEALTHCHECK")]
    assert "/healthz" in check
    assert "/readyz" not in check
