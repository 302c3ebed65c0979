"""Where the values of a machine come from: its spec's citations, and what the question itself has set."""

from __future__ import annotations

from hardware_specs.catalog import Entry, chip_entry, citation_of, find_system
from hardware_specs.fields import field_values, unit_names
from hardware_specs.schema import System
from magnitudes.arrays import as_float
from magnitudes.units import dimension_of, show

Row = tuple[str, str, str, str]


def source_rows(system: System, on: str) -> list[Row]:
    """(path, value, kind, source) of every number of a machine; what differs from its spec was set by the question.

    Parameters
    ----------
    system : System
        With the numbers that were used.
    on : str
        The machine as it was named: a catalogue name, ``8xNAME`` or the path of a YAML file.
    """
    entry, written, units = chip_entry(on), field_values(find_system(on)), unit_names(system)
    return [_row(path, as_float(value), as_float(written.get(path, value)), units[path], entry) for path, value in field_values(system).items()]


def _row(path: str, value: float, written: float, unit: str, entry: Entry) -> Row:
    if value != written:
        return path, _shown(value, unit), "set", f"by the question; the spec says {_shown(written, unit)}"
    citation = citation_of(path, entry)
    if citation is None:
        return path, _shown(value, unit), "assumed", "default of the schema"
    return path, _shown(value, unit), citation.kind, citation.source


def _shown(value: float, unit: str) -> str:
    """A quantity with its unit; a count as it is."""
    return show(value, unit, 4) if dimension_of(unit) else f"{value:g}"
