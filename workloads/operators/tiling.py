"""A mapping that is given with an operator: the tiles that a program steps over, in which order, and on how large an array."""

from __future__ import annotations

from dataclasses import dataclass, fields

from magnitudes.arrays import Real


@dataclass(frozen=True, slots=True)
class Loop:
    """One dimension of a given mapping.

    Parameters
    ----------
    tile : Real
        Extent that the array's memories hold at once.
    place : Real
        Where the loop over tiles stands among the six: the larger, the further out.
    """

    tile: Real
    place: Real


@dataclass(frozen=True, slots=True)
class Tiling:
    """Tiles of the dimensions, by the letters that mappers use.

    Parameters
    ----------
    p, q : Loop
        Rows of a product, or down and across the image of results.
    k, c : Loop
        Output channels (columns of a product), and input channels (its contraction).
    r, s : Loop
        Down and across the filter.
    side : Real
        Side of the array that it is for.
    """

    p: Loop
    q: Loop
    k: Loop
    c: Loop
    r: Loop
    s: Loop
    side: Real

    @property
    def loops(self) -> dict[str, Loop]:
        """The loops by letter."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "side"}
