"""Pickled pandas data frames (RouterBench ships them), read without pandas and without running what they say.

A pickle can name any function to be called. This reader resolves only the dozen names that a data frame of numbers
and strings needs, to stand-ins that hold data or to numpy's own array constructors; anything else is refused by name.
"""

import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core.multiarray import _reconstruct, scalar

from training.data import DataError


class _Frame:
    """Stands in for ``DataFrame``: keeps its state."""

    _mgr: Any = None

    def __setstate__(self, state: Any) -> None:
        """Keep the block manager."""
        self._mgr = state["_mgr"] if isinstance(state, dict) else state


class _Manager:
    """Stands in for ``BlockManager``: blocks and axes."""

    def __init__(self, blocks: Any = (), axes: Any = (), *rest: Any) -> None:
        self.blocks, self.axes = tuple(blocks), list(axes)

    def __setstate__(self, state: Any) -> None:
        """Older pickles keep everything under a version key."""
        kept = next(part for part in state if isinstance(part, dict))["0.14.1"]
        self.axes = list(kept["axes"])
        self.blocks = tuple(_block(block["values"], block["mgr_locs"]) for block in kept["blocks"])


def _index(kind: Any, state: dict[str, Any]) -> Any:
    """Labels of an axis."""
    if "start" in state:
        return np.arange(state["start"], state["stop"], state["step"])
    return np.asarray(state["data"], dtype=object)


def _block(values: Any, places: Any, *rest: Any) -> tuple[Any, Any]:
    """Values of some columns, and which columns they are."""
    return values, places


def _from_buffer(buffer: Any, dtype: Any, shape: Any, order: Any) -> Any:
    """An array from its bytes, as numpy's own pickles ask for."""
    return np.frombuffer(buffer, dtype=dtype).reshape(shape, order=order)


class _Index:
    """Stands in for the names of index classes."""


_ALLOWED: dict[tuple[str, str], Callable[..., Any] | type] = {
    ("pandas.core.frame", "DataFrame"): _Frame,
    ("pandas.core.internals.managers", "BlockManager"): _Manager,
    ("pandas._libs.internals", "_unpickle_block"): _block,
    ("pandas.core.internals.blocks", "new_block"): _block,
    ("pandas.core.indexes.base", "_new_Index"): _index,
    ("pandas.core.indexes.base", "Index"): _Index,
    ("pandas.core.indexes.range", "RangeIndex"): _Index,
    ("pandas.core.indexes.numeric", "Int64Index"): _Index,
    ("builtins", "slice"): slice,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
    **{
        (f"numpy.{core}.multiarray", name): made
        for core in ("core", "_core")
        for name, made in (("_reconstruct", _reconstruct), ("scalar", scalar))
    },
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Resolve allowed names; refuse all others."""
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise DataError(
                f"the pickle asks for {module}.{name}, which a table of numbers and strings does not need; "
                "refused. Save it as CSV or parquet with the pandas that wrote it"
            ) from None


def read_frame(path: Path) -> list[dict[str, Any]]:
    """Rows of a pickled data frame.

    Raises:
        DataError: it is no data frame, or names something that is not allowed.
    """
    try:
        with path.open("rb") as file:
            frame = _Unpickler(file).load()
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except (pickle.UnpicklingError, EOFError, AttributeError, TypeError, KeyError, ValueError, StopIteration) as error:
        raise DataError(f"{path}: is not a pickled data frame this reader knows ({error}); save it as CSV") from error
    if not isinstance(frame, _Frame) or not isinstance(frame._mgr, _Manager):
        raise DataError(f"{path}: the pickle holds no data frame; save the table as CSV or parquet")
    columns = [str(name) for name in frame._mgr.axes[0]]
    values: dict[str, Any] = {}
    for block, places in frame._mgr.blocks:
        array = np.asarray(block)
        wide = array if array.ndim == 2 else array[None, :]
        values.update({columns[place]: row for place, row in zip(_places(places, len(columns)), wide, strict=True)})
    return [dict(zip(columns, row, strict=True)) for row in zip(*(values[name] for name in columns), strict=True)]


def _places(places: Any, n: int) -> Iterable[int]:
    """Column numbers from a slice or an array."""
    return range(n)[places] if isinstance(places, slice) else [int(place) for place in places]
