"""``roofscape explore``: which design of a space is best, by any of several explorers."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from explorers.base import EXPLORERS, SOLVERS, check_names, explorer_names, hyperparameters, loaded
from explorers.exactness import can_be_proved
from explorers.space.catalog import find_space, outlines
from explorers.space.feasibility import feasibility
from explorers.space.json_schema import space_schema
from explorers.space.shipped import space_names
from explorers.space.space import DesignSpace
from explorers.space.spec import spec_of
from explorers.study import Study, explore
from magnitudes.errors import InputError
from magnitudes.files import check_writable, write_whole
from roofscape.report.exploration import best_of
from roofscape.report.progress import progress_bar


def run(options: argparse.Namespace) -> None:
    """Explore, or list what can be explored and by what.

    Raises
    ------
    InputError
        If no design was found that fulfils the space's constraints, once all is printed.
    """
    if options.list:
        _list(options)
        return
    if options.schema:
        print(json.dumps(space_schema(), indent=2))
        return
    if options.space is None:
        raise InputError(f"no space; name a shipped one ({', '.join(space_names())}) or a YAML file, or ask for --list")
    check_writable(options.html)
    check_writable(options.spec)
    if options.race or options.lottery:
        from roofscape.commands import racing

        racing.run(options)
        return
    space = find_space(options.space)
    if options.describe:
        _describe(space, options)
        return
    names = options.explorers or ["exact" if can_be_proved(space) else "random"]
    check_names(names)
    studies = _studies(space, names, options)
    if options.spec:
        _write_spec(space, studies, options.spec)
    if options.html:
        from roofscape.report.exploration_page import exploration_page

        write_whole(options.html, exploration_page(space, studies))
    if options.json:
        print(json.dumps([s.to_dict() for s in studies] if len(studies) > 1 else studies[0].to_dict(), indent=2))
    else:
        from roofscape.report.exploration import show_studies

        show_studies(space, studies)
    if best_of(studies) is None:
        raise InputError(f"no feasible design of {space.name} was found: {studies[0].note}")


def _studies(space: DesignSpace, names: list[str], options: argparse.Namespace) -> list[Study]:
    """Each explorer once a seed; those that end with a proof once."""
    runs = [(name, options.seed + i) for name in names for i in range(1 if name in SOLVERS else options.seeds)]
    settings = {key: _number(values) for key, values in options.setting}
    studies = []
    with progress_bar(space.name) as tell:
        for done, (name, seed) in enumerate(runs):
            own = {k: v for k, v in settings.items() if len(names) == 1 or k in _hyperparameters(name)}
            studies.append(explore(space, name, options.budget, seed, own, partial(_tell, tell, done, len(runs), name), options.study or ""))
    return studies


def _write_spec(space: DesignSpace, studies: list[Study], path: str) -> None:
    """The best design's chip, for ``--on``."""
    if Path(path).suffix not in (".yaml", ".yml"):
        raise InputError(f"{path} should end in .yaml: that is how --on knows a spec")
    best = best_of(studies)
    if best is None or best.best_row is None:
        raise InputError(f"there is no design to write: {studies[0].note or 'none is feasible'}")
    write_whole(path, spec_of(space, best.places[best.best_row], Path(path).stem))


def _tell(tell: Callable[[int, int, str], None], done: int, runs: int, name: str, count: int) -> None:
    tell(done, runs, f"{name}: {count:,} designs")


def _hyperparameters(name: str) -> dict[str, Any]:
    return hyperparameters(loaded(EXPLORERS[name])) if name in EXPLORERS else {}


def _number(values: list[str]) -> Any:
    """A hyperparameter from the command line: a number where it reads as one, else a name."""
    text = ",".join(values)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def listed() -> list[dict[str, Any]]:
    """The shipped spaces as ``--list --json`` prints them."""
    return [_described(space) for space in outlines()]


def _described(space: DesignSpace) -> dict[str, Any]:
    return {
        "name": space.name, "about": space.about, "size": space.size, "axes": {a.name: a.size for a in space.axes},
        "objectives": [o.text for o in space.objectives], "constraints": [c.text for c in space.constraints], "exact": can_be_proved(space),
    }  # fmt: skip


def _describe(space: DesignSpace, options: argparse.Namespace) -> None:
    """One space, and what its constraints leave of it."""
    found = feasibility(space, seed=options.seed)
    if options.json:
        print(json.dumps({**_described(space), "feasibility": asdict(found)}, indent=2))
        return
    from roofscape.report.exploration import show_space

    show_space(space, found)


def _list(options: argparse.Namespace) -> None:
    spaces = listed()
    if options.json:
        print(json.dumps(spaces, indent=2))
        return
    from roofscape.report.exploration import show_explorers, show_spaces

    show_spaces(spaces)
    show_explorers(explorer_names())
