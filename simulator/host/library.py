"""The constants of a library on processors: the shipped ones, with those fitted for a machine laid over them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest
from simulator.calibration import derived, set_at, table

USUAL = "torch"  # the library of an estimate that names none
Constants = Mapping[str, Any]


class FitError(InputError):
    """A file of fitted corrections that cannot be used."""


_trials: list[Mapping[str, Constants]] = []  # constants that a fit tries for the time being


@contextmanager
def tried(tree: Mapping[str, Constants]) -> Iterator[None]:
    """Other constants for all libraries inside a ``with``; the tree may change meanwhile."""
    _trials.append(tree)
    try:
        yield
    finally:
        _trials.pop()


def library(name: str, fits: str = "") -> Constants:
    """The constants of a library.

    Parameters
    ----------
    name : str
        ``numpy`` or ``torch``; empty for the usual one.
    fits : str
        Path of a file with constants fitted for a machine; empty for the shipped ones.

    Raises
    ------
    NameMiss
        For another library.
    FitError
        If the file of fits cannot be read.
    """
    if _trials:
        return _trials[-1][name or USUAL]
    return _library(name, fits)


@derived
def _library(name: str, fits: str) -> Constants:
    tree: dict[str, Any] = deepcopy(table("host")) if fits else table("host")
    for path, value in (read_fits(fits)["coefficients"] if fits else {}).items():
        try:
            set_at(tree, path, float(value))
        except (KeyError, TypeError, ValueError) as error:
            raise FitError(f"{fits}: {path!r} is no constant of a host's library; run `roofscape calibrate` again") from error
    known = list(tree)
    if (name or USUAL) not in known:
        raise NameMiss("library", name, nearest(name, known), f"(known on processors: {', '.join(known)})")
    return dict(tree[name or USUAL])


def read_fits(path: str) -> dict[str, Any]:
    """A file of fitted corrections: ``provenance`` and ``coefficients`` by dotted path.

    Raises
    ------
    FitError
        If it is not there, or is no such file.
    """
    try:
        tree = json.loads(Path(path).read_text(encoding="utf-8"))
        assert isinstance(tree, dict) and isinstance(tree["coefficients"], dict)
    except FileNotFoundError as error:
        raise FitError(f"{path}: no such file, although a spec names it under 'fits'; run `roofscape calibrate` again or remove that line") from error
    except (OSError, ValueError, KeyError, AssertionError) as error:
        raise FitError(f"{path}: no file of fitted corrections; run `roofscape calibrate` again") from error
    return tree


def entry(constants: Constants, family: str, name: str) -> Constants:
    """The constants of one operator or data type in a family; ``default`` where it has none of its own."""
    rows = constants[family]
    return dict(rows["default"]) | dict(rows.get(name, {}))
