"""What the catalogue does not know for certain: assumed values, values with one source, sources that disagree.

A source's title says it: ``Sources disagree: ...`` where two publications give different numbers, ``Second source missing``
where a number that moves predictions stands on one alone. A kind of ``assumed`` says that nothing is published. Values that move
predictions are held against what other pages say of them as well (`second_sources`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hardware_specs.catalog import Entry, citation_of
from hardware_specs.citation import KINDS
from hardware_specs.second_sources import figures_of, moving, why_kept

PUBLISHED = [kind for kind in KINDS if kind in ("datasheet", "measured")]  # what should stand on two pages
ONE_PAGE = "no second page among those that were read (hardware_specs/second_sources.yaml)"
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
    alone: list[Finding] = []
    for entry in entries:
        for path, doubt, text in (*_said(entry), *_differing(entry)):
            fields.setdefault((doubt, text), {})[path] = None
            holders.setdefault((doubt, text), {})[entry.spec.name] = None
        if paths := _on_one_page(entry):
            alone.append(Finding(SINGLE, ONE_PAGE, paths, (entry.spec.name,)))
    found = [Finding(doubt, text, tuple(fields[doubt, text]), tuple(holders[doubt, text])) for doubt, text in fields] + alone
    order = (DISAGREEING, SINGLE, ASSUMED)
    return sorted(found, key=lambda f: (order.index(f.doubt), -len(f.entries), f.entries))


def _said(entry: Entry) -> list[tuple[str, str, str]]:
    """(path, doubt, text) of what an entry's own sources say."""
    return [(_short(path), doubt, text) for path, citation in entry.citations.items() for doubt, text in _doubts(citation.kind, citation.source)]


def _differing(entry: Entry) -> list[tuple[str, str, str]]:
    """The same of other pages that say something else, with why the spec keeps its value."""
    return [
        (path, DISAGREEING, f"{figure.source}: {figure.text}" + (f"; {why}" if (why := why_kept(entry, path)) else ""))
        for path, value in moving(entry).items()
        if citation_of(path, entry) is not None
        for figure in figures_of(entry, path)
        if not figure.agrees(value)
    ]


def _on_one_page(entry: Entry) -> tuple[str, ...]:
    """Published values that move predictions, of which no other page was found, where their source does not say so itself."""
    cited = {path: citation_of(path, entry) for path in moving(entry)}
    published = [path for path, citation in cited.items() if citation and citation.kind in PUBLISHED and not _doubts(citation.kind, citation.source)]
    return tuple(path for path in published if not figures_of(entry, path))


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
