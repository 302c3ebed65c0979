"""Energies and areas of single actions as data, each with its source; and what the sources say, for those who ask."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from hardware_specs.citation import Citation
from hardware_specs.loader import read_tree
from magnitudes.units import read

FILE = Path(__file__).with_name("components.yaml")
Tree = dict[str, Any]


@cache
def components() -> Tree:
    """All values in base units, by group and name: ``components()["dram"]["HBM2"]`` [J/byte]."""
    tree = _tree()
    return {key: _values(value) for key, value in tree.items() if key != "sources"}


def citations() -> dict[str, Citation]:
    """Where each value comes from, by its dotted path.

    Raises
    ------
    KeyError
        If a value names no source.
    """
    tree = _tree()
    found = {}
    for path, text in _leaves({k: v for k, v in tree.items() if k != "sources"}):
        value, _, source = text.partition("@")
        entry = tree["sources"][source.strip()]
        found[path] = Citation(value.strip(), entry["kind"], entry["title"])
    return found


@cache
def _tree() -> Tree:
    return read_tree(FILE)


def _values(entry: Any) -> Any:
    """A tree of texts as a tree of numbers; bare numbers as keys are told apart from words."""
    if isinstance(entry, dict):
        return {key: _values(value) for key, value in entry.items()}
    return read(str(entry).partition("@")[0].strip()).value


def _leaves(tree: Tree, path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        where = f"{path}.{key}" if path else str(key)
        if isinstance(value, dict):
            yield from _leaves(value, where)
        else:
            yield where, str(value)
