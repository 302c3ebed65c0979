"""Tables from files and folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.validation.shapes import read_frame
from simulator.validation.tidy import REQUIRED, Table, TableError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".parquet", ".csv", ".csv.gz")


def is_table(path: Path) -> bool:
    """Whether a file's name is that of a table."""
    return path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")


def table_files(path: Path) -> list[Path]:
    """The tables that a path means: itself, or all in a folder and the folders in it.

    Raises
    ------
    TableError
        If it does not exist, is no table, or holds none.
    """
    kinds = ", ".join(SUFFIXES)
    if path.is_dir():
        found = sorted(f for f in path.rglob("*") if is_table(f) and f.is_file())
        if not found:
            raise TableError(f"{path}: a folder without tables ({kinds})")
        return found
    if not path.exists():
        raise TableError(f"{path}: no such file or folder")
    if not is_table(path):
        raise TableError(f"{path}: not a table; {kinds} are read")
    return [path]


def read_tables(path: Path) -> Iterator[Table | TableError]:
    """Each table of a path, or why it cannot be read: one bad file does not spoil a folder."""
    for file in table_files(path):
        try:
            yield read_table(file)
        except TableError as error:
            yield error


def read_table(file: Path, name: str | None = None) -> Table:
    """One table.

    Parameters
    ----------
    name : str, optional
        What to call it; the file's name, if not said.

    Raises
    ------
    TableError
        If it is broken, empty or lacks a column that every row needs.
    """
    frame = _with_columns(_read(file))
    if frame.empty:
        raise TableError("the table is empty: " + ("it has no rows" if len(frame.columns) else "it has no columns"))
    return read_frame(name or file.name, frame)


def _read(file: Path) -> pd.DataFrame:
    """The file as it is.

    Raises
    ------
    TableError
    """
    import pandas as pd
    import pyarrow as pa

    parquet = file.name.lower().endswith(".parquet")
    try:
        return pd.read_parquet(file) if parquet else pd.read_csv(file, low_memory=False)
    except (OSError, EOFError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        kind = "parquet" if parquet else "CSV"
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise TableError(f"cannot be read as {kind}, truncated or of another kind: {first}") from error


def _with_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a column for each thing it says once, rows numbered from 0, and the columns that we know in our spelling."""
    import pandas as pd

    if any(name is not None for name in frame.index.names) or not isinstance(frame.index, pd.RangeIndex):
        known = [n for n in frame.index.names if n is not None and n not in frame.columns]
        frame = frame.reset_index(level=known) if known else frame
        frame = frame.reset_index(drop=True)
    frame.columns = pd.Index([str(c).strip() for c in frame.columns])
    frame = frame.loc[:, ~frame.columns.duplicated()]
    lower = {c: c.lower() for c in frame.columns if c.lower() in REQUIRED and c not in REQUIRED}
    return frame.rename(columns={c: name for c, name in lower.items() if name not in frame.columns})
