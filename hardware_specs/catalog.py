"""From a name to a chip, link or system: shipped specs, the user's own files, forgiving spellings.

``ROOFSCAPE_SPECS`` may name folders (separated as in PATH) whose YAML files join the catalogue.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from hardware_specs.citation import Citation
from hardware_specs.loader import SpecError, Tree, read_chip, read_link, read_shared, read_tree
from hardware_specs.schema import Chip, FabricLevel, Link, System
from hardware_specs.this_machine import this_machine_tree
from magnitudes.names import NameMiss, family, kin, normal

SHIPPED = Path(__file__).parent
THIS_MACHINE = "this-machine"
_ALIASES = re.compile(r"^aliases:\s*\[(.*?)\]", re.MULTILINE | re.DOTALL)
_VENDORS = ("nvidia", "nv", "amd", "intel", "ia", "google", "tesla", "instinct", "radeon", "geforce", "quadro", "aws", "apple", "tenstorrent")
_MANY = re.compile(r"^\s*(\d+)\s*[xX*]\s*(.+)$|^(.+?)\s+[xX*]\s*(\d+)\s*$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One spec of the catalogue, and the citation of each of its values by path."""

    path: str
    spec: Chip | Link
    citations: Mapping[str, Citation]
    fabric: tuple[FabricLevel, ...] = ()


def spec_files() -> list[Path]:
    """All spec files: the shipped ones, then those of the folders in ``ROOFSCAPE_SPECS``."""
    return [*_shipped_files(), *_user_files()]


@cache
def _shipped_files() -> tuple[Path, ...]:
    return tuple(sorted(SHIPPED.glob("*/*.yaml")))


def _user_files() -> tuple[Path, ...]:
    folders = [Path(p) for p in os.environ.get("ROOFSCAPE_SPECS", "").split(os.pathsep) if p]
    return tuple(f for folder in folders for f in sorted(folder.rglob("*.yaml")))


def chip_names() -> list[str]:
    """Names of all chips, and ``this-machine``."""
    return [f.stem for f in spec_files() if f.parent.name not in ("fabric", "system")] + [THIS_MACHINE]


def link_names() -> list[str]:
    """Names of all links between chips."""
    return [f.stem for f in spec_files() if f.parent.name == "fabric"]


def system_names() -> list[str]:
    """Names of all systems."""
    return [f.stem for f in spec_files() if f.parent.name == "system"]


def find(name: str) -> Entry:
    """The spec of a chip or link.

    Parameters
    ----------
    name : str
        A catalogue name in any spelling, or the path of a YAML file.

    Raises
    ------
    NameMiss
        With the near matches.
    SpecError
        With all mistakes of the file.
    """
    if normal(name) == normal(THIS_MACHINE):
        return _read_tree(this_machine_tree(), THIS_MACHINE)
    if name.endswith((".yaml", ".yml")):
        return _read(Path(name))
    file = _file_of(name, "machine")
    if file.parent.name == "system":
        raise SpecError(str(file), [f"{file.stem} is a system of chips, not one chip; name its chip, or ask for the system with --on {file.stem}"])
    return _read(file)


def find_system(name: str) -> System:
    """A system by name, or as many chips as a number says (``8xh100-sxm``, ``4xmy_chip.yaml``, ``A100-SXM-80GB x4``).

    Raises
    ------
    NameMiss, SpecError
    """
    chips, chip = _counted(name)
    if chips is not None:
        return system_of(find(chip), chips, name=name)
    if not name.endswith((".yaml", ".yml")) and normal(name) != normal(THIS_MACHINE):
        file = _file_of(name, "machine")
        if file.parent.name == "system":
            tree = read_tree(file)
            system = system_of(find(str(tree["chip"])), int(tree["chips"]), name=file.stem, fabric=_fabric(tree))
            return replace(system, shared=read_shared(tree, str(file)))
    return system_of(find(name), 1)


def is_system(name: str) -> bool:
    """Whether a name means several chips joined, not one."""
    if _counted(name)[0] is not None:
        return True
    if name.endswith((".yaml", ".yml")) or normal(name) == normal(THIS_MACHINE):
        return False
    return _file_of(name, "machine").parent.name == "system"


def chip_entry(name: str) -> Entry:
    """The spec of the chip that a machine is made of: of one chip itself, or of a system's.

    Raises
    ------
    NameMiss, SpecError
    """
    chips, chip = _counted(name)
    if chips is None and is_system(name):
        chip = str(read_tree(_file_of(name, "machine"))["chip"])
    return find(chip)


def parent_of(entry: Entry) -> str | None:
    """The machine that a spec is ``like``, if any."""
    like = read_tree(Path(entry.path)).get("like") if entry.path.endswith((".yaml", ".yml")) else None
    return None if like is None else str(like)


def citation_of(path: str, entry: Entry) -> Citation | None:
    """Where the value at a short path of a chip (``hbm.bandwidth``, ``nvlink4.latency``) comes from; None for the schema's own default."""
    for level in entry.fabric:
        if path.startswith(f"{level.link.name}."):
            return find(level.link.name).citations.get(path.partition(".")[2])
    return next((entry.citations[c] for c in (path, f"tiers.{path}", f"engines.{path}") if c in entry.citations), None)


def _counted(name: str) -> tuple[int | None, str]:
    """How many chips a name asks for, and of which; None where it says no number."""
    match = _MANY.match(name)
    if match is None or any(key in _index() for key in _spellings(name)):  # Tegra X1 is a name, not one Tegra
        return None, name
    return (int(match[1]), match[2]) if match[1] else (int(match[4]), match[3])


def system_of(entry: Entry, chips: int, name: str = "", fabric: tuple[FabricLevel, ...] = ()) -> System:
    """A system of equal chips on the fabric that their spec (or `fabric`) names.

    Raises
    ------
    SpecError
        If there are several chips and no link to join them, or none at all.
    """
    if not isinstance(entry.spec, Chip):
        raise SpecError(entry.path, [f"{entry.spec.name} is a link, not a machine; see `roofscape specs` for machines"])
    if chips < 1:
        raise SpecError(entry.path, [f"{chips} chips asked for; a system has at least one"])
    levels = fabric or entry.fabric
    if chips > 1 and not levels:
        raise SpecError(
            entry.path, [f"{entry.spec.name} names no fabric, so {chips} of them cannot be joined; add 'fabric: [{{link: pcie5-x16, chips: {chips}}}]'"]
        )
    if chips > 1 and levels[-1].chips < chips:
        raise SpecError(entry.path, [f"the fabric of {entry.spec.name} joins at most {levels[-1].chips:g} chips, not {chips}; add an outer level"])
    return System(name or entry.spec.name, entry.spec, float(chips), levels)


def _file_of(name: str, kind: str) -> Path:
    """The file that a forgiving name means."""
    by_key = _index()
    for key in _spellings(name):
        if key in by_key:
            return by_key[key]
    known = [*chip_names(), *system_names()]
    raise NameMiss(kind, name, family(name, known)[:8] or kin(name, [*known, *link_names()]), "(`roofscape specs` lists all; a path to a .yaml file works too)")


def _spellings(name: str) -> Iterator[str]:
    """A name's normal form, then without a vendor's prefix."""
    key = normal(name)
    yield key
    if name[:2].lower() == "a " or name[:3].lower() == "an ":
        yield from _spellings(name.partition(" ")[2])
    for vendor in _VENDORS:
        if key.startswith(vendor):
            yield from _spellings(key[len(vendor) :])


def _index() -> dict[str, Path]:
    return _index_with(_user_files())


@cache
def _index_with(users: tuple[Path, ...]) -> dict[str, Path]:
    """From every spelling to its file. Aliases are found without parsing the files: start-up stays quick."""
    index: dict[str, Path] = {}
    files = (*_shipped_files(), *users)
    for file in files:
        index[normal(file.stem)] = file
    for file in files:
        match = _ALIASES.search(file.read_text(encoding="utf-8"))
        for alias in match[1].split(",") if match else ():
            index.setdefault(normal(alias), file)
    return index


@cache
def _read(file: Path) -> Entry:
    return _read_tree(read_tree(file), str(file))


def _read_tree(tree: Tree, where: str) -> Entry:
    tree = _inherited(tree, where)
    if tree.get("fits"):
        tree = {**tree, "fits": str(Path(where).parent / str(tree["fits"]))}  # beside the spec
    if "topology" in tree:
        link, citations = read_link(tree, where)
        return Entry(where, link, citations)
    chip, citations = read_chip(tree, where)
    return Entry(where, chip, citations, _fabric(tree))


def _inherited(tree: Tree, where: str, behind: tuple[str, ...] = ()) -> Tree:
    """A spec with all that it is ``like`` underneath it."""
    if "like" not in tree:
        return tree
    parent_file = _file_of(str(tree["like"]), "machine (in 'like')")
    if str(parent_file) in (where, *behind):
        raise SpecError(where, [f"like: {tree['like']!r} leads back to this file; name a spec that stands by itself"])
    parent = _inherited(read_tree(parent_file), str(parent_file), (where, *behind))
    merged: Tree = _merged({k: v for k, v in parent.items() if k != "aliases"}, {k: v for k, v in tree.items() if k != "like"})
    return merged


def _merged(below: Any, above: Any) -> Any:
    """Two trees laid over each other: where both have a branch, leaf by leaf."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}


def _fabric(tree: Tree) -> tuple[FabricLevel, ...]:
    """The levels that a spec's ``fabric`` list names, inner first."""
    levels = []
    given, where = tree.get("fabric") or [], str(tree.get("name"))
    for entry in given if isinstance(given, list) else [given]:
        if not isinstance(entry, dict) or not isinstance(entry.get("link"), str) or not isinstance(entry.get("chips", 1), int | float):
            raise SpecError(where, ["fabric: should be a list of levels, inner first, such as [{link: pcie5-x16, chips: 8}]"])
        link = find(entry["link"]).spec
        if not isinstance(link, Link):
            raise SpecError(where, [f"fabric: {entry['link']} is a chip, not a link (links: {', '.join(link_names())})"])
        levels.append(FabricLevel(link, float(entry.get("chips", float("inf")))))
    return tuple(levels)
