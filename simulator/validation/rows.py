"""Rows of a table, as those who build operators of them take them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from magnitudes.arrays import Column, Real, where
from magnitudes.datatypes import DataType
from simulator.validation.dimensions import DEFAULTS
from simulator.validation.formats import Formats


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table that the same operators describe, with their dimensions as columns.

    Parameters
    ----------
    formats : Formats
    state : DataType
        Format of cached keys and values.
    columns : mapping of str to Column
        NaN where a row does not say a dimension.
    names : mapping of str to str
        Columns of text that choose a structure, such as ``distribution``: one value for all rows.
    """

    op: str
    formats: Formats
    state: DataType
    columns: Mapping[str, Column]
    names: Mapping[str, str]

    def __getitem__(self, name: str) -> Real:
        """A dimension, with its default where the table or a row does not say it."""
        return self.get(name, DEFAULTS[name]) if name in DEFAULTS else self.columns[name]

    def get(self, name: str, default: float | str) -> Real:
        """A dimension with another default: a number, or another dimension's name."""
        column, otherwise = self.columns.get(name), self[default] if isinstance(default, str) else default
        if column is None:
            return otherwise
        absent = np.isnan(column)
        return where(absent, otherwise, column) if absent.any() else column

    def column(self, name: str) -> Column:
        """A dimension that every row has."""
        return self.columns[name]

    def is_true(self, name: str) -> bool:
        """Whether a flag is set."""
        return self.names[name] == "True"
