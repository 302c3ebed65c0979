"""The schema of specs and of an estimate's tables as pages, from the dataclasses that files are read into."""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, Field, fields
from typing import Any

from cli_page import cell

from hardware_specs.citation import KINDS
from hardware_specs.schema import ENGINES, Chip, Engine, Link, Tier
from magnitudes.units import PREFIXES, SYMBOLS, bare_name, dimension_of
from simulator.tables import design_dict

SPECS = """# Specs

A machine is one YAML file: its tiers, its engines beside them, its fabric, and a source beside each value. The catalogue holds them under
`hardware_specs/`; your own lie anywhere (`--on path/to/my_chip.yaml`), or in folders that `ROOFSCAPE_SPECS` names. The dataclasses of
`hardware_specs/schema.py` are the only description of the format, and this page is made from them.
[Add a chip](../walkthroughs/add_a_chip.md) is the same as a walk.

- A key is a field's name; a quantity is written with its unit and its source: `capacity: 80 GiB @hbm`.
- `sources` maps a short name to `{kind: ..., title: ...}`; a file-wide `source: ...` covers values that name none, as assumed.
- `like: a100-sxm-80gb` starts from another spec; what the file says replaces what is there.
- `aliases` are further names; `fabric` lists levels, inner first: `{link: nvlink4, chips: 8}`; the last may leave `chips` open.
- All mistakes of a file are told at once, each with its path and what to write instead.
"""
TABLES = """# Tables and JSON

[Validation](../validation.md) says what a tidy table of measurements is: its columns, each operator's dimensions, and the scores. What
`roofscape estimate` and `roofscape compare` print with `--json` (an object for each design), and `Estimate.to_frame` gives as a table, is:
"""


def spec_page() -> str:
    """Every field of a spec."""
    lines = [SPECS, "## Kinds of sources", "", "| kind | meaning |", "|---|---|", *(f"| `{k}` | {v} |" for k, v in KINDS.items()), ""]
    lines += ["## Units", "", f"Prefixes: {', '.join(f'`{p}`' for p in PREFIXES if p)}. Symbols: {', '.join(f'`{s}`' for s in SYMBOLS)}.", ""]
    lines += _table("A tier, under `tiers.NAME`", Tier)
    lines += _table("Every engine, under `engines.NAME`", Engine, first="| `execution` | | needed | " + ", ".join(f"`{e}`" for e in ENGINES) + " |")
    for execution, engine in ENGINES.items():
        lines += _table(f"An engine with `execution: {execution}`, besides", engine, {f.name for f in fields(Engine)})
    lines += _table("The chip, at the top of the file", Chip, {"tiers", "engines"})
    lines += _table("A link, a file of its own under `hardware_specs/fabric/`", Link)
    return "\n".join(lines)


def _table(title: str, cls: type, without: set[str] = frozenset(), first: str = "") -> list[str]:  # type: ignore[assignment]
    """A heading, the class's own words, and a row a field."""
    meanings = parameters(cls)
    own = [f for f in fields(cls) if f.name not in without and not (f.name == "name" and cls is not Chip and cls is not Link)]
    lines = [f"## {title}", "", (inspect.getdoc(cls) or "").partition("\n")[0], "", "| key | unit | default | meaning |", "|---|---|---|---|"]
    return [*lines, *([first] if first else []), *(_row(f, meanings) for f in own), ""]


def _row(f: Field[Any], meanings: dict[str, str]) -> str:
    unit = dimension_of(f.name)
    return f"| `{bare_name(f.name)}` | {unit} | {_default(f)} | {cell(meanings.get(f.name, ''))} |"


def _default(f: Field[Any]) -> str:
    if f.default is MISSING and f.default_factory is MISSING:
        return "needed"
    if f.default is MISSING:
        return "none"
    return "not known" if f.default is None else f"{f.default:g}" if isinstance(f.default, float) else f"`{f.default}`" if f.default else "none"


def parameters(of: Any) -> dict[str, str]:
    """What a numpydoc docstring says of each parameter; a line that names several says the same of all."""
    text = inspect.getdoc(of) or ""
    body = text.partition("Parameters\n----------\n")[2]
    found: dict[str, str] = {}
    for names, meaning in re.findall(r"^(\w[\w, ]*?) : .*\n?((?:    .*\n?)*)", body, re.MULTILINE):
        found |= dict.fromkeys(names.split(", "), " ".join(meaning.split()))
    return found


def table_page() -> str:
    """The keys of an estimate."""
    said = inspect.getdoc(design_dict) or ""
    keys = " ".join(said.partition("dict\n")[2].split())
    return f"{TABLES}\n{keys}\n\nA table has the same without `memory`, `bounds`, `operators` and `notes`, and the intervals as columns such as `tpot_low_s`.\n"
