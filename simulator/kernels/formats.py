"""Formats that differ between designs and are served by different kernels: each by itself, then the row's own."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import TypeVar

from magnitudes.arrays import Real, choose
from magnitudes.datatypes import AnyDataType, DataType, DataTypeChoice
from workloads.operator import Contraction, Convolution

Product = TypeVar("Product", Contraction, Convolution)
Timed = tuple[Real, dict[str, Real]]


def same_for_all(element: AnyDataType, family: Callable[[DataType], Hashable]) -> bool:
    """Whether all formats of a choice belong to one family of kernels."""
    return not isinstance(element, DataTypeChoice) or len({family(o) for o in element.options}) == 1


def format_by_format(operator: Product, element: DataTypeChoice, law: Callable[[Product], Timed], side: str = "a") -> Timed:
    """Time and parts of an operator of which one side (`a` or `b`) has one of several formats: a law evaluated in each, and chosen row by row."""
    each = [law(replace(operator, **{side: option})) for option in element.options]  # type: ignore[arg-type]
    names = dict.fromkeys(n for _, parts in each for n in parts)
    parts = {n: choose(element.index, [p.get(n, 0.0) for _, p in each]) for n in names}
    return choose(element.index, [time_s for time_s, _ in each]), parts
