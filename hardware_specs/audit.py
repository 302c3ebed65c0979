"""What the catalogue does not know for certain: assumed values, values with one source, sources that disagree.

A source's title says it: ``Sources disagree: ...`` where two publications give different numbers, ``Second source missing``
where a number that moves predictions stands on one alone. A kind of ``assumed`` says that nothing is published.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hardware_specs.catalog import Entry

ASSUMED, SINGLE, DISAGREEING = "assumed", "one source", "sources disagree"
_DISAGREE = re.compile(r"[Ss]ources disagree:?\s*(.*)")
_SINGLE = re.compile(r"[Ss]econd source missing|[Nn]o measurement [\w ]*found")


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason for doubt, and all that rests on it.

    Parameters
    ----------
    doubt : str
        `ASSUMED`, `SINGLE` or `DISAGREEING`.
    source : str
        The source's title; of disagreeing sources what comes after the words that say so.
    fields : tuple of str
        Paths of the values, without what comes before the part's name: ``l2.bandwidth``.
    entries : tuple of str
        The machines and links that hold them.
    """

    doubt: str
    source: str
    fields: tuple[str, ...]
    entries: tuple[str, ...]


def audit(entries: Iterable[Entry]) -> list[Finding]:
    """All reasons for doubt in some entries, each once, however many values and entries share it.

    Parameters
    ----------
    entries : iterable of Entry
        As the catalogue reads them: inherited values count where they are inherited.

    Returns
    -------
    list of Finding
        Disagreements first, then values with one source, then assumed ones; by the number of entries within each.
    """
    fields: dict[tuple[str, str], dict[str, None]] = {}
    holders: dict[tuple[str, str], dict[str, None]] = {}
    for entry in entries:
        for path, citation in entry.citations.items():
            for doubt, text in _doubts(citation.kind, citation.source):
                fields.setdefault((doubt, text), {})[_short(path)] = None
                holders.setdefault((doubt, text), {})[entry.spec.name] = None
    found = [Finding(doubt, text, tuple(fields[doubt, text]), tuple(holders[doubt, text])) for doubt, text in fields]
    order = (DISAGREEING, SINGLE, ASSUMED)
    return sorted(found, key=lambda f: (order.index(f.doubt), -len(f.entries), f.entries))


def _doubts(kind: str, source: str) -> list[tuple[str, str]]:
    """What is doubtful about a value, with the text that says why."""
    doubts = []
    if match := _DISAGREE.search(source):
        doubts.append((DISAGREEING, match[1] or source))
    if kind == ASSUMED:
        doubts.append((ASSUMED, source))
    elif _SINGLE.search(source):
        doubts.append((SINGLE, source))
    return doubts


def _short(path: str) -> str:
    """A citation's path as `--set` spells it."""
    return path.removeprefix("tiers.").removeprefix("engines.")
