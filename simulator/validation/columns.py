"""Columns of files as plain text, float64 numbers and flags, whatever they were stored as."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from magnitudes.arrays import Mask

if TYPE_CHECKING:
    import pandas as pd

TRUE_WORDS = frozenset({"true", "yes", "y", "t"})


def texts(column: pd.Series[Any]) -> pd.Series[str]:
    """A column of names as plain text without outer spaces; absent ones empty."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        names = {c: _text(c) for c in column.cat.categories}
        return column.astype(object).map(names).fillna("").astype(object)
    plain = column.astype(object)
    return plain.map({value: _text(value) for value in _distinct(plain)}).fillna("").astype(object)


def _distinct(column: pd.Series[Any]) -> list[Any]:
    try:
        return list(column.dropna().unique())
    except TypeError as error:  # lists and the like, which name nothing
        raise ValueError("holds no names but nested values") from error


def _text(value: object) -> str:
    """One name."""
    return value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else str(value).strip()


def numbers(column: pd.Series[Any]) -> pd.Series[float]:
    """A column of numbers as float64: an int32 would wrap when multiplied. What is no number is NaN."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype):
        return pd.Series(column.to_numpy(dtype="float64", na_value=np.nan), index=column.index)
    plain = column.astype(object)
    plain = plain.where(plain.map(lambda v: isinstance(v, str | bytes | int | float | np.number) or hasattr(v, "as_integer_ratio")), None)
    return pd.to_numeric(plain, errors="coerce").astype("float64")


def flags(column: pd.Series[Any]) -> pd.Series[str]:
    """Truths, numbers above zero and words such as ``yes`` as "True", all else as "False"."""
    said = texts(column).str.lower()
    return (said.isin(TRUE_WORDS) | (numbers(column) > 0.0)).map({True: "True", False: "False"})


def as_numbers(frame: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """The frame with some of its columns cast to float64, once."""
    casts = {n: numbers(frame[n]) for n in names if n in frame.columns and frame[n].dtype != "float64"}
    return frame.assign(**casts) if casts else frame


def first(rows: Mask, column: pd.Series[Any]) -> str:
    """Where a problem is seen first: the row, counted from 0, and what stands there."""
    place = int(np.argmax(rows))
    value = column.iloc[place]
    return f"first in row {column.index[place]}: {value!r}" if isinstance(value, str) else f"first in row {column.index[place]}: {value}"
