"""Constants that a page shows, from the coefficient files of today: a page never holds a copy of one.

``<!-- constants: matrix issue wave -->`` becomes a table of those entries of ``simulator/calibration/matrix.json`` (of all, where none is named),
``<!-- provenance: matrix -->`` what they were fitted on, when, and how far off they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from simulator.calibration import at, names, provenance, table

MARK = re.compile(r"^<!-- (constants|provenance): (\w+)((?: [\w.]+)*) -->$", re.MULTILINE)


def filled(markdown: str) -> str:
    """A page with its constants in the place of the marks.

    Raises
    ------
    KeyError
        If a page asks for a file or an entry that does not exist.
    """
    return MARK.sub(lambda m: "\n".join(_constants(m[2], m[3].split()) if m[1] == "constants" else _provenance(m[2])), markdown)


def _constants(name: str, paths: list[str]) -> list[str]:
    if name not in names():
        raise KeyError(f"there is no coefficient file {name}; known: {', '.join(names())}")
    tree = table(name)
    rows = [row for path in paths or list(tree) for row in _leaves(path, at(tree, path))]
    return [f"From `simulator/calibration/{name}.json`:", "", "| constant | value |", "|---|---|", *(f"| `{path}` | {value} |" for path, value in rows)]


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """(path, value as text) of all numbers below a path; a mapping of plain numbers is one row an entry."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _leaves(f"{path}.{key}", entry)
    elif isinstance(value, list):
        yield path, ", ".join("×".join(f"{x:g}" for x in v) if isinstance(v, list) else f"{v}" for v in value)
    else:
        yield path, f"{value:.4g}" if isinstance(value, float) else str(value)


def _provenance(name: str) -> list[str]:
    known = provenance(name)
    lines = [f"**Fitted on** {known['data']}. **Method:** {known['method']}. **Date:** {known['date']}."]
    if "command" in known:
        lines[0] += f" **Command:** `{known['command']}`."
    rows = [(path.removeprefix("."), value) for path, value in _errors("", known.get("error", {}))]
    if rows:
        lines += ["", "| error | |", "|---|---|", *(f"| {path} | {value} |" for path, value in rows)]
    return lines


def _errors(path: str, tree: Any) -> Iterator[tuple[str, str]]:
    if isinstance(tree, Mapping):
        for key, entry in tree.items():
            yield from _errors(f"{path}.{key}", entry)
    else:
        yield path.replace("_", " "), f"{tree:.1%}" if isinstance(tree, float) else str(tree)
