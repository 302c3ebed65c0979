"""From a spec's YAML to the schema: quantities with units and sources, and every mistake of a file at once.

The schema's dataclasses are the only description of the format: a key is a field's name without its unit suffix, a
quantity is ``VALUE @SOURCE`` where SOURCE names an entry of the file's ``sources`` table, and a file-wide ``source``
covers values that name none.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from hardware_specs.citation import KINDS, Citation
from hardware_specs.schema import ENGINES, Chip, Engine, Link, Tier
from magnitudes.arrays import Real
from magnitudes.errors import InputError
from magnitudes.names import nearest
from magnitudes.units import UnitError, bare_name, parse

T = TypeVar("T")
POSITIVE = ("_per_s", "_hz", "capacity_byte", "multiprocessors", "cores")  # fields that something is divided by
Tree = dict[str, Any]


class SpecError(InputError):
    """A spec with mistakes: all of them, each with its path and what to write instead."""

    def __init__(self, where: str, mistakes: list[str]) -> None:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        super().__init__("\n  - ".join([f"{where}: {count}", *mistakes]))
        self.mistakes = mistakes


@dataclass
class Reader:
    """Reads one file's tree into dataclasses, gathering citations and mistakes by path."""

    sources: Mapping[str, Citation]
    default: Citation | None
    citations: dict[str, Citation] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)

    def fault(self, path: str, message: str) -> None:
        self.mistakes.append(f"{path}: {message}" if path else message)

    def record(self, cls: type[T], tree: object, path: str, **given: object) -> T | None:
        """An instance of `cls` from a mapping whose keys are the bare names of its fields; None after a mistake."""
        if not isinstance(tree, dict):
            self.fault(path, f"should be a mapping with {', '.join(_keys(cls))}")
            return None
        before = len(self.mistakes)
        known = {bare_name(f.name): f for f in fields(cls) if f.name not in given}  # type: ignore[arg-type]
        for key in tree:
            if key not in known:
                near = nearest(str(key), known)
                self.fault(_join(path, key), "unknown field" + (f"; did you mean {' or '.join(near)}?" if near else f"; known: {', '.join(known)}"))
        hints = get_type_hints(cls)
        values = dict(given)
        for key, f in known.items():
            required = f.default is MISSING and f.default_factory is MISSING
            if key in tree and not (required and tree[key] is None):
                values[f.name] = self.value(f.name, hints[f.name], tree[key], _join(path, key))
            elif required:
                self.fault(_join(path, key), f"missing; write it as {_example(f)}")
        return cls(**values) if len(self.mistakes) == before else None

    def value(self, name: str, hint: object, raw: object, path: str) -> object:
        """One field, read as its type says."""
        if raw is None:
            return None
        if isinstance(raw, dict | list) and (hint is str or get_origin(hint) in (Union, types.UnionType) or hint in (float, Real)):
            self.fault(path, f"should be one value, not a {'mapping' if isinstance(raw, dict) else 'list'}")
            return math.nan
        if hint is str:
            return str(raw)
        if get_origin(hint) is tuple and get_args(hint)[0] is str:
            return tuple(str(r) for r in raw if not isinstance(r, dict | list)) if isinstance(raw, list) else (str(raw),)
        if get_origin(hint) is Mapping:
            if not isinstance(raw, dict):
                self.fault(path, "should be a mapping from data type to a rate, such as {bf16: 989 TFLOP/s}")
                return {}
            return {str(k): self.quantity(name, v, _join(path, k)) for k, v in raw.items()}
        if get_origin(hint) in (Union, types.UnionType) or hint in (float, Real):
            return self.quantity(name, raw, path)
        raise TypeError(f"the schema's field {name} has a type that the loader does not read: {hint}")

    def quantity(self, name: str, raw: object, path: str) -> float:
        """A number in base units, its source noted."""
        if isinstance(raw, dict | list):
            self.fault(path, f"should be one quantity, not a {'mapping' if isinstance(raw, dict) else 'list'}")
            return math.nan
        text, _, source = str(raw).partition("@")
        citation = self.sources.get(source.strip()) if source else self.default
        if citation is None:
            self.fault(path, self._no_source(source.strip()))
        else:
            self.citations[path] = Citation(text.strip(), citation.kind, citation.source)
        try:
            number = parse(text.strip(), name)
        except UnitError as error:
            self.fault(path, str(error))
            return math.nan
        if not number >= 0:
            self.fault(path, f"{text.strip()!r} is negative; a size, rate or time is zero or more")
        elif number == 0 and name.endswith(POSITIVE):
            self.fault(path, f"{text.strip()!r} is zero; a rate, clock or capacity is more than that: leave out what is not there")
        return number

    def _no_source(self, source: str) -> str:
        if not source:
            return "no source; write it as 'VALUE @name' with an entry under sources, or give the file a 'source: ...' line for all its values"
        near = nearest(source, self.sources)
        hint = f"; did you mean {' or '.join(near)}?" if near else f"; known: {', '.join(self.sources) or 'none'}"
        return f"source {source!r} is not under sources{hint}"


def read_tree(path: Path) -> Tree:
    """The mapping in a YAML file.

    Raises
    ------
    SpecError
        If the file cannot be read, or is no mapping.
    """
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except OSError as error:
        raise SpecError(str(path), [f"cannot be read: {error.strerror}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SpecError(str(path), [f"is not YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(tree, dict):
        raise SpecError(str(path), ["should be a mapping with name, title, tiers, engines (see `roofscape specs h100-sxm`)"])
    return tree


def reader_of(tree: Tree) -> Reader:
    """A reader that knows the sources of a file; mistakes in the table are noted in it."""
    sources: dict[str, Citation] = {}
    mistakes: list[str] = []
    table = tree.get("sources") or {}
    if not isinstance(table, dict):
        mistakes.append("sources: should be a mapping from a short name to {title: ..., kind: ...}")
        table = {}
    for key, given in table.items():
        entry = given if isinstance(given, dict) else {"title": given}
        kind, title = str(entry.get("kind", "datasheet")), str(entry.get("title", ""))
        if kind not in KINDS or not title:
            mistakes.append(f"sources.{key}: needs a title and a kind out of {', '.join(KINDS)}")
        sources[str(key)] = Citation("", kind, title)
    default = tree.get("source")
    return Reader(sources, Citation("", "assumed", str(default)) if default else None, mistakes=mistakes)


def read_chip(tree: Tree, where: str) -> tuple[Chip, dict[str, Citation]]:
    """A chip and the citation of each of its values, from a spec's tree.

    Parameters
    ----------
    tree : dict
        As `read_tree` returns it, with what it is ``like`` already merged in.
    where : str
        Name of the file, for messages.

    Raises
    ------
    SpecError
        With all mistakes of the file.
    """
    reader = reader_of(tree)
    tiers = _named(reader, tree, "tiers", lambda name, sub, path: reader.record(Tier, sub, path, name=name))
    engines = _named(reader, tree, "engines", lambda name, sub, path: _engine(reader, name, sub, path))
    _check_beside(reader, tree)
    own = {k: v for k, v in tree.items() if k not in ("tiers", "engines", "sources", "source", "aliases", "like", "fabric")}
    own.setdefault("title", own.get("name"))
    for key, value in (("vendor", "unknown"), ("family", "custom"), ("generation", "unknown")):
        own.setdefault(key, value)
    chip = reader.record(Chip, own, "", tiers=tuple(t for t in tiers if t), engines=tuple(e for e in engines if e))
    if chip is None or reader.mistakes:
        raise SpecError(where, reader.mistakes)
    return chip, reader.citations


def read_link(tree: Tree, where: str) -> tuple[Link, dict[str, Citation]]:
    """A link and its citations, from a spec's tree."""
    reader = reader_of(tree)
    own = {k: v for k, v in tree.items() if k not in ("sources", "source", "aliases", "like", "title", "family")}
    link = reader.record(Link, own, "")
    if link is None or reader.mistakes:
        raise SpecError(where, reader.mistakes)
    return link, reader.citations


def read_shared(tree: Tree, where: str) -> Tier | None:
    """The hosts' memory that a system's spec states, if it does.

    Raises
    ------
    SpecError
        With all mistakes of it.
    """
    if tree.get("shared") is None:
        return None
    reader = reader_of(tree)
    tier = reader.record(Tier, tree["shared"], "shared", name="shared") if isinstance(tree["shared"], dict) else None
    if tier is None or reader.mistakes:
        raise SpecError(where, reader.mistakes or ["shared: should be one memory, such as {kind: DDR4, capacity: 2 TB @source, bandwidth: 32 GB/s @source}"])
    return tier


def _named(reader: Reader, tree: Tree, key: str, read: Any) -> list[Any]:
    """The entries of a mapping from name to record."""
    entries = tree.get(key)
    if not isinstance(entries, dict) or not entries:
        reader.fault(key, f"missing; a chip has at least one entry under {key}")
        return []
    return [read(str(name), sub, f"{key}.{name}") for name, sub in entries.items()]


def _engine(reader: Reader, name: str, tree: object, path: str) -> Engine | None:
    """An engine of the class that its ``execution`` names."""
    if not isinstance(tree, dict) or tree.get("execution") not in ENGINES:
        given = tree.get("execution") if isinstance(tree, dict) else None
        near = nearest(str(given), ENGINES) if given else []
        hint = f"; did you mean {near[0]}?" if near else ""
        base = ", or write the name that the engine has in the machine that this one is like" if given is None else ""
        reader.fault(_join(path, "execution"), f"should be one of {', '.join(ENGINES)}, not {given!r}{hint}{base}")
        return None
    return reader.record(ENGINES[tree["execution"]], {k: v for k, v in tree.items() if k != "execution"}, path, name=name)


def _check_beside(reader: Reader, tree: Tree) -> None:
    """Each engine stands beside tiers that the file names: those with other mistakes count too."""
    names = [str(name) for name in tree["tiers"]] if isinstance(tree.get("tiers"), dict) else []
    engines = tree["engines"] if isinstance(tree.get("engines"), dict) else {}
    for name, engine in engines.items():
        beside = engine.get("beside") if isinstance(engine, dict) else None
        if beside == []:
            reader.fault(f"engines.{name}.beside", f"names no tier; an engine stands beside at least one (tiers: {', '.join(names)})")
        for tier in beside if isinstance(beside, list) else [beside] if beside else []:
            if names and str(tier) not in names:
                near = nearest(str(tier), names)
                hint = f"; did you mean {near[0]}?" if near else ""
                reader.fault(f"engines.{name}.beside", f"there is no tier {str(tier)!r}{hint} (tiers: {', '.join(names)})")


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _keys(cls: type) -> list[str]:
    return [bare_name(f.name) for f in fields(cls)]


def _example(f: Field[Any]) -> str:
    """How a missing field would be written."""
    examples = {"_byte_per_s": "1.5 TB/s", "_flop_per_s": "{bf16: 300 TFLOP/s}", "_byte": "80 GB", "_hz": "1.5 GHz", "_s": "500 ns", "_w": "700 W"}
    value = next((e for suffix, e in examples.items() if f.name.endswith(suffix)), "...")
    return f"'{bare_name(f.name)}: {value} @source'"
