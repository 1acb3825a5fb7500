"""``python -m training``: see :mod:`training.cli`."""

import sys

EXTRA = ("matplotlib", "pyarrow", "scipy", "sklearn", "threadpoolctl", "tqdm")
"""What the extra ``training`` brings, by the names under which it is imported; a plain installation serves without."""


def main() -> int:
    """Run the command line; where what it needs is not installed, say what to install."""
    try:
        from training.cli import main as run

        return run()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in EXTRA:
            raise
        print(f"error: {missing} is not installed; pip install '.[training]' in the checkout", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # while the libraries are loaded, which takes seconds
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
