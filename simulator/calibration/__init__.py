"""Fitted library properties: coefficient files, each with the data, date and error that it came from.

A spec says what a chip is; these files say what kernel libraries make of it. No file holds a property of a single device.
A file's ``folds`` hold what its fitted coefficients become when one family of devices is left out of the fit; ``seen_only_on``
names entries that one family alone has shown. Who judges a prediction on a device does it inside `left_out`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from functools import cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

FOLDER = Path(__file__).parent
Values = Mapping[str, float | None]  # by dotted path inside a table; None takes away what is there

P = ParamSpec("P")
T = TypeVar("T")

_overlays: dict[str, Values] = {}  # values laid over a table for the time being
_forget: list[Callable[[], None]] = []  # what was derived from tables and must be derived anew when one changes


def derived(function: Callable[P, T]) -> Callable[P, T]:
    """Cache what a function makes of the tables, until one of them is overlaid."""
    cached = cache(function)
    _forget.append(cached.cache_clear)

    @wraps(function)
    def call(*arguments: P.args, **named: P.kwargs) -> T:
        return cached(*arguments, **named)  # type: ignore[arg-type]

    return call


@derived
def table(name: str) -> dict[str, Any]:
    """The coefficients of one law."""
    values = _overlays.get(name)
    if not values:
        return dict(read(name)["coefficients"])
    tree: dict[str, Any] = deepcopy(read(name)["coefficients"])
    for path, value in values.items():
        set_at(tree, path, value)
    return tree


def constant(name: str, path: str) -> float:
    """One coefficient of a law, by its dotted path."""
    return float(at(table(name), path))


def provenance(name: str) -> dict[str, Any]:
    """What a law's coefficients were fitted on, when, and how far off they are on devices left out."""
    return dict(read(name)["provenance"])


def fold(name: str, family: str) -> Values:
    """The fitted coefficients of a law without a family of devices, and what was seen on that family alone taken away.

    Empty where nothing was fitted on it.
    """
    return dict(read(name).get("folds", {}).get(family, {}))


def names() -> list[str]:
    """All coefficient files."""
    return sorted(f.stem for f in FOLDER.glob("*.json"))


@contextmanager
def overlaid(values: Mapping[str, Values]) -> Iterator[None]:
    """Other values for some coefficients, by table and dotted path, inside a ``with``."""
    before = dict(_overlays)
    _overlays.update({name: {**before.get(name, {}), **changed} for name, changed in values.items() if changed})
    _forget_derived()
    try:
        yield
    finally:
        _overlays.clear()
        _overlays.update(before)
        _forget_derived()


@contextmanager
def left_out(family: str) -> Iterator[None]:
    """The coefficients that were fitted without a family of devices, inside a ``with``."""
    with overlaid({name: fold(name, family) for name in names()}):
        yield


def at(tree: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path."""
    for key in path.split("."):
        tree = tree[key]
    return tree


def set_at(tree: dict[str, Any], path: str, value: Any) -> None:
    """Put a value at a dotted path, or take away what is there (None)."""
    *way, last = path.split(".")
    for key in way:
        tree = tree[key]
    if value is None:
        tree.pop(last, None)
    else:
        tree[last] = value


def _forget_derived() -> None:
    for forget in _forget:
        forget()


@cache
def read(name: str) -> dict[str, Any]:
    """A coefficient file as it is."""
    return dict(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))
