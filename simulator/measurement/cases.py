"""A case: one kernel to be measured, said without a backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """One kernel.

    Parameters
    ----------
    op, dtype : str
        As in a tidy table.
    sizes : tuple of (str, int)
        Dimensions by their column names.
    warm : bool
        Called on the same buffers over and over, so that they stay in cache; else on copies in turn that together exceed it.
    """

    op: str
    dtype: str
    sizes: tuple[tuple[str, int], ...]
    warm: bool = False

    def __getitem__(self, name: str) -> int:
        return dict(self.sizes)[name]

    def get(self, name: str, default: int) -> int:
        """A size that may be absent."""
        return dict(self.sizes).get(name, default)

    def columns(self) -> dict[str, Any]:
        """The case as columns of a row."""
        return {"op": self.op, "dtype": self.dtype, **{name: float(size) for name, size in self.sizes}}


def case(op: str, dtype: str, *, warm: bool = False, **sizes: int) -> Case:
    """A case from its sizes by name."""
    return Case(op, dtype, tuple(sizes.items()), warm)
