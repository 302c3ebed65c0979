"""Where a value comes from: every number of a spec names its source and what kind of source that is."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = {
    "datasheet": "published by the maker",
    "measured": "measured, by us or in a cited work",
    "derived": "computed from other cited values",
    "assumed": "not published: a reasoned guess",
}


@dataclass(frozen=True, slots=True)
class Citation:
    """One value's origin.

    Parameters
    ----------
    text : str
        The value as the spec writes it, for example ``3.35 TB/s``.
    kind : str
        One of `KINDS`.
    source : str
        Title of the document, or the reasoning of a derived or assumed value.
    """

    text: str
    kind: str
    source: str
