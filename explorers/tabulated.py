"""A space whose designs were all evaluated once: what one comes to is looked up, so that a race costs what its explorers cost."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from explorers.space.space import DesignSpace, Places, Scores
from magnitudes.files import write_whole

MOST_TABULATED = 2_000_000  # designs of a grid whose table is made
CHUNK = 1 << 14  # designs evaluated together
CHECKED = 16  # designs that tell one law from another
TIMED = 2048  # designs by which the time of all is told
PATIENCE_S = 1200.0  # of a processor, that a table may take

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TabulatedSpace(DesignSpace):
    """A space with the scores of its whole grid; a copy of it with anything changed evaluates anew.

    Parameters
    ----------
    table : Scores, shape (grid_size,)
    """

    table: Scores | None = field(init=False, default=None, compare=False, repr=False)  # not carried on by `replace`

    def score(self, places: Places) -> Scores:
        """What some designs come to, as the table says."""
        if self.table is None:
            return super().score(places)
        self.check(places)
        return self.table.rows(np.ravel_multi_index(tuple(places.T), self.sizes))


def with_table(space: DesignSpace, table: Scores) -> DesignSpace:
    """The same space, answered from a table."""
    result = TabulatedSpace(**{f.name: getattr(space, f.name) for f in fields(DesignSpace)})
    object.__setattr__(result, "table", table)
    return result


def fingerprint(space: DesignSpace) -> str:
    """A digest of what a space is and of what a few of its designs come to: it changes with the space's file and with the laws behind."""
    scores = space.score(space.sample(CHECKED, np.random.default_rng(0)))
    said = [space.name, space.names, space.sizes, [c.text for c in space.constraints], [o.text for o in space.objectives]]
    numbers = np.round(np.concatenate([scores.objectives, scores.violations], axis=1).astype(np.float32), 6)
    return hashlib.sha256(json.dumps(said).encode() + numbers.tobytes()).hexdigest()[:12]


def tabulated(space: DesignSpace, folder: Path, progress: Progress | None = None, make: bool = True) -> DesignSpace:
    """A space answered from its table in a folder, which is made if it is not there; the space as it is where that would take too long.

    Parameters
    ----------
    space : DesignSpace
    folder : Path
    progress : callable, optional
        Told designs evaluated, and all.
    make : bool
        Whether a table that is missing is made.
    """
    file = folder / f"{space.name}-{fingerprint(space)}.npz"
    if file.is_file():
        return with_table(space, _read(space, file))
    if not make or space.grid_size > MOST_TABULATED or _takes_s(space) > PATIENCE_S:
        return space
    table = evaluated(space, progress)
    held = BytesIO()
    columns: dict[str, Any] = {"objectives": table.objectives, "violations": table.violations, "feasible": table.feasible}
    columns |= {f"figure:{name}": figure for name, figure in table.figures.items()}
    np.savez(held, **columns)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(file, held.getvalue())
    return with_table(space, table)


def _read(space: DesignSpace, file: Path) -> Scores:
    with np.load(file) as kept:
        figures = {n.partition(":")[2]: kept[n] for n in kept.files if n.startswith("figure:")}
        return Scores(kept["objectives"], kept["violations"], kept["feasible"], figures)


def _takes_s(space: DesignSpace) -> float:
    """Time that the whole grid would take a processor, from a part of it."""
    drawn = space.sample(TIMED, np.random.default_rng(1))
    start = time.process_time()
    space.score(drawn)
    return (time.process_time() - start) / TIMED * space.grid_size


def evaluated(space: DesignSpace, progress: Progress | None = None) -> Scores:
    """Scores of the whole grid, row by row."""
    size = space.grid_size
    whole: Scores | None = None
    for first in range(0, size, CHUNK):
        part = space.score(space.places(np.arange(first, min(first + CHUNK, size))))
        if whole is None:
            columns = {name: np.empty(size) for name in part.figures}
            whole = Scores(np.empty((size, part.objectives.shape[1])), np.empty((size, part.violations.shape[1])), np.empty(size, dtype=bool), columns)
        rows = slice(first, first + len(part))
        whole.objectives[rows], whole.violations[rows], whole.feasible[rows] = part.objectives, part.violations, part.feasible
        for name, figure in part.figures.items():
            whole.figures[name][rows] = figure
        if progress is not None:
            progress(min(first + CHUNK, size), size)
    assert whole is not None
    return whole
