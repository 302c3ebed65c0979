"""Parts of a space's file that an evaluator reads: mappings with keys that are known and values that are numbers, every mistake told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from magnitudes.errors import InputError
from magnitudes.names import nearest
from magnitudes.units import parse


def section(tree: Mapping[str, Any], key: str, known: Iterable[str] | None, mistakes: list[str]) -> dict[str, Any]:
    """What stands under a key, which should be a mapping; nothing if it is none.

    Parameters
    ----------
    tree : mapping
        The file.
    key : str
    known : iterable of str or None
        The keys that it may have; None where any will do.
    mistakes : list of str
        Added to.
    """
    given = tree.get(key)
    if given is None:
        return {}
    if not isinstance(given, dict):
        mistakes.append(f"{key}: should be a mapping, not {given!r}")
        return {}
    named = {str(name): value for name, value in given.items()}
    for name in named if known is not None else ():
        listed = list(known or ())
        if name not in listed:
            near = nearest(name, listed)
            mistakes.append(f"{key}.{name}: unknown" + (f"; did you mean {' or '.join(near)}?" if near else f"; known: {', '.join(listed)}"))
    return named


def check_number(value: object, path: str, unit: str, mistakes: list[str], least: float = 0.0) -> float | None:
    """A number of a file in base units; None where it is none, or too small."""
    try:
        number = parse(str(value), unit)
    except InputError as error:
        mistakes.append(f"{path}: {error}")
        return None
    if number < least:
        mistakes.append(f"{path}: {value} is below {least:g}")
        return None
    return number


def check_truth(value: object, path: str, mistakes: list[str]) -> None:
    """A value of a file that should be true or false."""
    if not isinstance(value, bool):
        mistakes.append(f"{path}: should be true or false, not {value!r}")
