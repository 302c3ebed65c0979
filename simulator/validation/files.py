"""Tables from files and folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.validation.shapes import check_known, read_frame
from simulator.validation.tidy import Table, TableError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".parquet", ".csv")


def table_files(path: Path) -> list[Path]:
    """The tables that a path means: itself, or all in a folder.

    Raises
    ------
    TableError
        If it does not exist, is no table, or holds none.
    """
    if path.is_dir():
        found = sorted(f for f in path.iterdir() if f.suffix in SUFFIXES)
        if not found:
            raise TableError(f"{path}: a folder without tables ({' or '.join(SUFFIXES)})")
        return found
    if not path.exists():
        raise TableError(f"{path}: no such file or folder")
    if path.suffix not in SUFFIXES:
        raise TableError(f"{path}: not a table; {' and '.join(SUFFIXES)} are read")
    return [path]


def read_tables(path: Path) -> Iterator[Table | TableError]:
    """Each table of a path, or why it cannot be read: one bad file does not spoil a folder."""
    for file in table_files(path):
        try:
            yield read_table(file)
        except TableError as error:
            yield error


def read_table(file: Path) -> Table:
    """One table.

    Raises
    ------
    TableError
        If it is broken, empty or lacks a column that every row needs.
    """
    frame = _read(file)
    check_known(file.name, frame)
    return read_frame(file.name, frame)


def _read(file: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise TableError(f"{file.name}: cannot be read as {file.suffix.removeprefix('.')}: {str(error).splitlines()[0]}") from error
