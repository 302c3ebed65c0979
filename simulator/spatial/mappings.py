"""Which mappings a user asks for: the closed form of folds, mappings that are searched, or mappings that are given in a file."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest
from simulator.spatial.search import Goal, Nest

CLOSED, SEARCH = "folds", "search"
GOALS: tuple[str, ...] = get_args(Goal)
BLOCKS = ("element", "buffer", "memory")


@dataclass(frozen=True, slots=True)
class Given:
    """A mapping that is given: its loops, and those that lie along the array's sides (as the dataflow is drawn, if not said)."""

    nest: Nest
    unrolled: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mappings:
    """What is asked of the mappings of an array's layers.

    Parameters
    ----------
    goal : str
        Of the search: ``energy_delay``, ``energy`` or ``time``.
    given : mapping of str to Given
        By the operator's name; the others are searched.
    """

    goal: Goal = "energy_delay"
    given: Mapping[str, Given] = field(default_factory=dict)


def mappings(asked: str) -> Mappings | None:
    """What ``--mapping`` says: ``folds`` (None), ``search``, ``search:energy``, or the path of a JSON file.

    Raises
    ------
    InputError
        Naming what is wrong, and the remedy.
    """
    word, colon, goal = asked.partition(":")
    if asked == CLOSED:
        return None
    if word == SEARCH:
        if colon and goal not in GOALS:
            near = nearest(goal, GOALS)
            raise InputError(f"--mapping {asked}: no goal {goal!r}{f'; did you mean {near[0]}?' if near else ''} (known: {', '.join(GOALS)})")
        return Mappings(goal) if colon else Mappings()  # type: ignore[arg-type]
    if Path(asked).is_file():
        return _read(Path(asked))
    near = nearest(asked, (CLOSED, SEARCH))
    raise InputError(
        f"--mapping {asked}: neither a file nor a way to map{f'; did you mean {near[0]}?' if near else ''} "
        f"({CLOSED}: the closed form; {SEARCH}, or {SEARCH}:GOAL with {', '.join(GOALS)}; or a JSON file such as `roofscape estimate ... --json` writes)"
    )


def check_given(asked: Mappings | None, names: Collection[str]) -> None:
    """Refuse mappings of operators that there are not.

    Raises
    ------
    NameMiss
        With the near match.
    """
    for name in asked.given if asked else ():
        if name not in names:
            raise NameMiss("operator", name, nearest(name, names), "(in the file that --mapping names)")


def _read(path: Path) -> Mappings:
    """Mappings by operator from a file: ``{"qkv": {"element": [["c", 2]], "buffer": [], "memory": []}}``, or what ``--json`` printed."""
    try:
        found = json.loads(path.read_text())
    except (ValueError, OSError) as error:
        raise InputError(f"--mapping {path}: no JSON ({error})") from None
    if isinstance(found, dict) and isinstance(found.get("operators"), list):
        found = {o["name"]: o["mapping"] for o in found["operators"] if o.get("mapping")}
    if not isinstance(found, dict) or not found:
        raise InputError(f'--mapping {path}: no mappings by operator; such as {{"qkv": {{"element": [["c", 2]], "buffer": [["k", 4]], "memory": []}}}}')
    return Mappings(given={name: _given(path, name, blocks) for name, blocks in found.items()})


def _given(path: Path, name: str, blocks: Any) -> Given:
    """One operator's mapping."""
    wrong = f"--mapping {path}: {name}"
    if not isinstance(blocks, dict) or not set(BLOCKS) <= set(blocks):
        raise InputError(f"{wrong} lacks a block; it needs {', '.join(BLOCKS)}, each a list of [loop, iterations], the innermost first")
    read = []
    for block in BLOCKS:
        try:
            loops = tuple((str(loop), float(times)) for loop, times in blocks[block])
        except (TypeError, ValueError):
            raise InputError(f'{wrong}: block {block} is no list of [loop, iterations], such as [["c", 2], ["k", 4]]') from None
        if any(times < 1.0 or times != int(times) for _, times in loops):
            raise InputError(f"{wrong}: block {block} has iterations that are no whole number from 1")
        read.append(loops)
    return Given(Nest(*read), {str(k): float(v) for k, v in blocks.get("unrolled", {}).items()})
