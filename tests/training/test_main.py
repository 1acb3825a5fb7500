import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from training.__main__ import EXTRA

ROOT = Path(__file__).resolve().parents[2]


def test_the_extra_is_what_pyproject_says() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = [requirement.partition(">")[0].strip() for requirement in extras["training"]]
    assert sorted(EXTRA) == sorted("sklearn" if name == "scikit-learn" else name for name in names)


@pytest.mark.parametrize("missing", ["pyarrow", "sklearn"])
def test_without_the_extra_one_line_says_what_to_install(missing: str) -> None:
    code = (
        f"import runpy, sys; sys.modules[{missing!r}] = None; sys.argv[1:] = ['run', '--ledger', 'x.db', '--out', 'y'];"
        "runpy.run_module('training', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr == f"error: {missing} is not installed; pip install '.[training]' in the checkout\n"


def test_a_module_of_our_own_that_is_missing_is_not_blamed_on_the_extra() -> None:
    code = "import runpy, sys; sys.modules['training.cli'] = None; runpy.run_module('training', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "Traceback" in done.stderr
    assert "pip install" not in done.stderr
