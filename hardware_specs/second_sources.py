"""What other pages say of the values that move predictions, beside what the specs cite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from hardware_specs.catalog import Entry, citation_of, find, parent_of
from hardware_specs.fields import field_values
from hardware_specs.schema import Chip, Link, System
from magnitudes.arrays import as_float
from magnitudes.units import read

FILE = Path(__file__).with_name("second_sources.yaml")
SAME = 0.02  # what rounding leaves between two pages that mean the same


@dataclass(frozen=True, slots=True)
class Figure:
    """One value on another page.

    Parameters
    ----------
    text : str
        As that page writes it, with its unit.
    value : float
        In base units.
    source : str
        The page.
    key : str
        Its short name.
    """

    text: str
    value: float
    source: str
    key: str

    def agrees(self, value: float) -> bool:
        """Whether it says the same but for rounding."""
        return abs(self.value / value - 1.0) <= SAME


@dataclass(frozen=True, slots=True)
class Pages:
    """All that was read: figures by machine or link and by path, and why a spec keeps its value where one differs."""

    figures: Mapping[str, Mapping[str, tuple[Figure, ...]]]
    kept: Mapping[str, Mapping[str, str]]


@cache
def pages() -> Pages:
    """What `second_sources.yaml` holds."""
    tree = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    sources: Mapping[str, str] = tree["sources"]

    def figure(text: str) -> Figure:
        quantity, _, key = text.partition(" @")
        return Figure(quantity, read(quantity).value, sources[key], key)

    figures = {name: {path: tuple(figure(str(t)) for t in texts) for path, texts in paths.items()} for name, paths in tree["values"].items()}
    return Pages(figures, tree["kept"])


def moving(entry: Entry) -> dict[str, float]:
    """The values of a machine or link that move predictions most, by path: rates, clock and count of units, memory's bandwidth and size, cache, power."""
    spec = entry.spec
    if isinstance(spec, Link):
        return {"bandwidth": as_float(spec.bandwidth_byte_per_s)}
    values = {path: as_float(value) for path, value in field_values(System(spec.name, spec, 1.0)).items()}
    return {path: values[path] for path in _moving_paths(spec) if path in values}


def _moving_paths(chip: Chip) -> Iterator[str]:
    engine, memory = chip.engine, chip.main_memory(chip.engine)
    yield from (f"{engine.name}.{field}" for field in ("multiprocessors", "clock", "vector.fp32"))
    yield from (f"{engine.name}.matrix.{data_type}" for data_type in engine.matrix_flop_per_s)
    yield from (f"{memory.name}.{field}" for field in ("bandwidth", "capacity"))
    cache_tier = next((t for t in chip.tiers if t.kind == "SRAM" and t is not memory), None)
    if cache_tier is not None:
        yield f"{cache_tier.name}.capacity"
    yield "tdp"


def figures_of(entry: Entry, path: str) -> tuple[Figure, ...]:
    """What other pages say of one value: of this machine, or of the one that it takes the value from."""
    own = pages().figures.get(entry.spec.name, {}).get(path)
    parent = parent_of(entry)
    if own is None and parent is not None and moving(find(parent)).get(path) == moving(entry).get(path):
        return figures_of(find(parent), path)
    citation = citation_of(path, entry)
    cited = citation.source.lower() if citation else ""
    return tuple(f for f in own or () if f.key not in cited)  # a page that the spec itself names is no second one


def why_kept(entry: Entry, path: str) -> str:
    """Why the spec's value stands against a page that differs; empty, where nothing was written down."""
    own = pages().kept.get(entry.spec.name, {}).get(path)
    parent = parent_of(entry)
    if own is None and parent is not None:
        return why_kept(find(parent), path)
    return own or ""
