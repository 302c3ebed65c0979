"""Reference data beside the project: tables that some claims are held against, and that are never part of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from magnitudes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

PLACES = (Path("../shared/data"), Path(__file__).resolve().parents[3] / "shared" / "data")  # beside the current folder, beside the project


class NoData(InputError):  # noqa: N818 - what it is, as LookupError's kin read
    """A table that is not at hand."""

    def __init__(self, name: str, folder: Path | None) -> None:
        where = f"{folder} has no {name}.parquet" if folder else f"{name}.parquet is not here: no folder ../shared/data; name one with --data FOLDER"
        super().__init__(where)


@dataclass(frozen=True, slots=True)
class Shared:
    """The folder of reference tables; None where there is none."""

    folder: Path | None = None

    def path(self, name: str) -> Path:
        """The file of a table.

        Raises
        ------
        NoData
            If it is not at hand.
        """
        if not self.has(name) or self.folder is None:
            raise NoData(name, self.folder)
        return self.folder / f"{name}.parquet"

    def table(self, name: str) -> pd.DataFrame:
        """A table.

        Raises
        ------
        NoData
            If it is not at hand.
        """
        import pandas as pd

        return pd.read_parquet(self.path(name))

    def has(self, name: str) -> bool:
        """Whether a table is at hand."""
        return self.folder is not None and (self.folder / f"{name}.parquet").is_file()


def find_shared(folder: str | None = None) -> Shared:
    """The reference tables: those of a named folder, or of ``../shared/data``.

    Raises
    ------
    InputError
        If the folder that was named is none.
    """
    if folder is not None:
        if not Path(folder).is_dir():
            raise InputError(f"--data {folder}: no such folder; it should hold the reference tables (fusemax_attn_flat.parquet and so on)")
        return Shared(Path(folder))
    return Shared(next((place for place in PLACES if place.is_dir()), None))
