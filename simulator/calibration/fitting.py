"""Fits library properties to measured kernels, and judges them on devices left out.

Least squares of log-residuals, each group of rows with the same weight and outliers with less, every constant held near its
first guess by a prior. Then once more without each family of devices: those values are the file's ``folds``.

    python -m simulator.calibration.fitting matrix --data ../shared/data
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magnitudes.arrays import Column
from magnitudes.files import write_whole
from simulator.calibration import FOLDER, Values, at, fold, overlaid, read, set_at
from simulator.calibration.tasks import TASKS, Task
from simulator.validation.checks import checked
from simulator.validation.files import read_tables
from simulator.validation.host import hosts_of, paces
from simulator.validation.names import operation_name
from simulator.validation.prediction import Batch, Context, batches_of, family_of
from simulator.validation.run import sampled
from simulator.validation.scores import family_of as class_of
from simulator.validation.tidy import TableError

Matrix = NDArray[np.float64]

TURN = 0.15  # log-residual from which on an error counts by its size, no longer by its square
SHARED_WIDTH, OWN_WIDTH = 0.7, 0.5  # of the priors on the logarithms of constants, and of what a library has of its own
STEP = 0.02  # of a logarithm, in differences: wide enough to see across a wave
LEAST = 1e-12  # a constant that was zero: its logarithm must exist
WORST = 5.0  # log-residuals beyond this are cut


@dataclass(frozen=True, slots=True)
class Measured:
    """A batch of rows with its measurements.

    Parameters
    ----------
    group : tuple of str
        Source, device, op, data type and implementation: what is scored together.
    log_us : Column
        Logarithm of the measured time [us].
    weight : float
        Of one row: groups weigh the same, whatever their size.
    """

    batch: Batch
    context: Context
    family: str
    group: tuple[str, ...]
    log_us: Column
    weight: float

    def residual(self) -> Column:
        """Logarithm of predicted over measured."""
        prediction = self.batch.predict(self.context)
        return np.clip(np.log(prediction.time_s * 1e6) - self.log_us, -WORST, WORST)


def measured(data: Path, task: Task, rows: int) -> list[Measured]:
    """The rows of a folder that a task is fitted on, at most `rows` a group."""
    found: list[Measured] = []
    for read_table in read_tables(data):
        if isinstance(read_table, TableError) or not read_table.frame["op"].map(operation_name).isin(task.ops).any():
            continue
        whole = checked(read_table)
        context = Context(hosts=paces(hosts_of(whole, Context())), correction=False)
        table = sampled(replace(whole, frame=whole.frame[whole.frame["op"].isin(task.ops)]), rows)
        for batch in batches_of(table):
            if batch.predict(context).notes:  # the roofline of a machine whose execution model has no tile law
                continue
            us = table.frame.loc[batch.index, "measured_us"].to_numpy(np.float64)
            if task.classes and class_of(batch.key["op"], batch.key["dtype"], batch.key["timing"]) not in task.classes:
                continue
            group = (table.file, *(str(batch.key[k]) for k in ("source", "device", "op", "dtype", "kernel", "timing")))
            found.append(Measured(batch, context, family_of(batch.key["device"]), group, np.log(us), 1.0))
    sizes: dict[tuple[str, ...], int] = {}
    for m in found:
        sizes[m.group] = sizes.get(m.group, 0) + len(m.log_us)
    return [replace(m, weight=task.weight_of(m.group[3]) / sizes[m.group]) for m in found if sizes[m.group] >= task.least_rows]


@dataclass(frozen=True)
class Fit:
    """A task on some rows.

    The unknowns are logarithms relative to the first guesses: single constants, then the constants that libraries share, then what
    each library has of its own. `family` is what the rows leave out: constants of the table that another task fits have the values
    that they had without it.
    """

    task: Task
    rows: Sequence[Measured]
    family: str = ""

    @cached_property
    def before(self) -> Mapping[str, float]:
        """Values that the fit starts from, by path."""
        tree = read(self.task.table)["coefficients"]
        rows = ("default", *self.libraries) if self.libraries else ()
        paths = (*self.task.constants, *(self.path(o, f) for o in rows for f in self.task.fields))
        return {path: max(float(at(tree, path)), LEAST) for path in paths}

    @cached_property
    def libraries(self) -> tuple[str, ...]:
        """Rows of the table's libraries; ``default`` is what they share."""
        if not self.task.libraries:
            return ()
        return tuple(n for n in at(read(self.task.table)["coefficients"], self.task.libraries) if n != "default")

    def path(self, library: str, field: str) -> str:
        """Where a library's constant stands."""
        return f"{self.task.libraries}.{library}.{field}"

    def values(self, x: Column) -> dict[str, float]:
        """The constants that some unknowns mean."""
        c, f = len(self.task.constants), len(self.task.fields)
        values = {path: guess * float(np.exp(x[i])) for i, (path, guess) in enumerate(self.task.constants.items())}
        shared = {field: x[c + j] for j, field in enumerate(self.task.fields)}
        for j, (field, guess) in enumerate(self.task.fields.items()):
            values[self.path("default", field)] = guess * float(np.exp(shared[field]))
            own = {library: x[c + (k + 1) * f + j] for k, library in enumerate(self.libraries)}
            for library in self.libraries:
                values[self.path(library, field)] = guess * float(np.exp(shared[field] + own[library] + own.get(self.task.kin.get(library, ""), 0.0)))
        return values

    @cached_property
    def start(self) -> Column:
        """Unknowns that give the values of before."""
        single = [np.log(self.before[path] / guess) for path, guess in self.task.constants.items()]
        default = {f: self.before[self.path("default", f)] for f in self.task.fields}
        shared = [np.log(default[f] / guess) for f, guess in self.task.fields.items()]
        nearest = {o: self.task.kin.get(o, "default") for o in self.libraries}
        own = [np.log(self.before[self.path(o, f)] / self.before[self.path(nearest[o], f)]) for o in self.libraries for f in self.task.fields]
        return np.array([*single, *shared, *own])

    def residuals(self, values: Mapping[str, float]) -> Column:
        """Log-residuals of all rows under some values."""
        with overlaid({self.task.table: fold(self.task.table, self.family)}), overlaid({self.task.table: values}):
            return np.concatenate([m.residual() for m in self.rows])

    @cached_property
    def _weights(self) -> Column:
        weights = np.concatenate([np.full(len(m.log_us), m.weight) for m in self.rows])
        return np.asarray(np.sqrt(weights) / self.task.noise, dtype=np.float64)

    @cached_property
    def _widths(self) -> Column:
        shared = np.arange(len(self.start)) < len(self.task.constants) + len(self.task.fields)
        return np.asarray(np.where(shared, SHARED_WIDTH, OWN_WIDTH), dtype=np.float64)

    def objective(self, x: Column) -> Column:
        """What least squares sums: damped residuals, then how far each unknown is from its prior."""
        return np.concatenate([self._weights * damped(self.residuals(self.values(x))), x / self._widths])

    def jacobian(self, x: Column) -> Matrix:
        """Differences one way. A field is moved in all libraries at once: each row knows its own library."""
        base = damped(self.residuals(self.values(x)))
        columns: list[Column] = []
        c, f = len(self.task.constants), len(self.task.fields)
        for i in range(c + f):
            moved = x.copy()
            moved[i] += STEP
            columns.append(self._weights * (damped(self.residuals(self.values(moved))) - base) / STEP)
        for k in range(len(self.libraries)):
            columns.extend(np.where(self._uses[k], columns[c + j], 0.0) for j in range(f))
        return np.vstack([np.stack(columns, axis=1), np.diag(1.0 / self._widths)])

    @cached_property
    def _uses(self) -> NDArray[np.bool_]:
        """Which rows depend on which library, shape (libraries, rows)."""
        base, found = self.residuals(self.before), []
        for library in self.libraries:
            moved = {self.path(library, f): 1.3 * self.before[self.path(library, f)] for f in self.task.fields}
            found.append(self.residuals({**self.before, **moved}) != base)
        for k, library in enumerate(self.libraries):  # what a library has of its own is its descendants', too
            found[k] = np.logical_or.reduce([found[k], *(found[j] for j, other in enumerate(self.libraries) if self.task.kin.get(other) == library)])
        return np.array(found, dtype=bool).reshape(len(self.libraries), len(base))

    def solve(self, start: Column | None = None, steps: int = 12) -> Column:
        """The unknowns that fit best."""
        from scipy.optimize import least_squares

        found = least_squares(self.objective, self.start if start is None else start, jac=self.jacobian, max_nfev=steps, xtol=1e-3, ftol=1e-4)
        return np.asarray(found.x, dtype=np.float64)


def damped(residual: Column) -> Column:
    """A residual whose square grows as its size beyond `TURN` (pseudo-Huber)."""
    return np.sign(residual) * TURN * np.sqrt(2.0 * (np.sqrt(1.0 + (residual / TURN) ** 2) - 1.0))


def errors(rows: Sequence[Measured], residuals: Mapping[int, Column]) -> dict[str, float]:
    """Mean over groups of MAPE, by class of operators; `residuals` by the place of each batch."""
    by_group: dict[tuple[str, ...], list[Column]] = {}
    for place, m in enumerate(rows):
        by_group.setdefault(m.group, []).append(np.abs(np.exp(residuals[place]) - 1.0))
    by_class: dict[str, list[float]] = {}
    for group, parts in by_group.items():
        by_class.setdefault(class_of(group[3], group[4], group[6]), []).append(float(np.mean(np.concatenate(parts))))
    return {name: round(float(np.mean(values)), 4) for name, values in sorted(by_class.items())}


def run(task: Task, data: Path, rows: int) -> dict[str, Any]:
    """Fit a task, then without each family; the new coefficient file."""
    everything = measured(data, task, rows)
    whole = Fit(task, everything)
    x = whole.solve()
    values = whole.values(x)
    inside = errors(everything, dict(enumerate(_split(whole, values, everything))))
    folds: dict[str, Values] = {}
    outside: dict[int, Column] = {}
    for family in sorted({m.family for m in everything}):
        part = Fit(task, [m for m in everything if m.family != family], family)
        guesses = np.zeros(len(x))  # a fold starts from the first guesses: its device leaves no trace, and what nobody else has shown stays there
        unknowns = part.solve(guesses, 20) if part.rows else guesses
        folds[family] = part.values(unknowns) | dict.fromkeys(only_seen_on(task.table, family))
        left = {i: m for i, m in enumerate(everything) if m.family == family}
        outside |= dict(zip(left, _split(part, folds[family], list(left.values())), strict=True))
    judged = [m for i, m in enumerate(everything) if i in outside]
    left_out = errors(judged, dict(enumerate(outside[i] for i in range(len(everything)) if i in outside)))
    return _file(task, values, folds, {"in_sample_mape": inside, "devices_left_out_mape": left_out})


def only_seen_on(table: str, family: str) -> list[str]:
    """Paths of a table that one family of devices alone has shown."""
    return [path for path, seen in read(table).get("seen_only_on", {}).items() if seen == family]


def _split(fit: Fit, values: Values, rows: Sequence[Measured]) -> Iterator[Column]:
    """Residuals of each batch under some values."""
    with overlaid({fit.task.table: fold(fit.task.table, fit.family)}), overlaid({fit.task.table: values}):
        yield from [m.residual() for m in rows]


def _file(task: Task, values: Mapping[str, float], folds: Mapping[str, Values], error: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """The table's file with new values, folds and errors."""
    file: dict[str, Any] = json.loads(json.dumps(read(task.table)))
    for path, value in values.items():
        set_at(file["coefficients"], path, _rounded(value))
    kept = file.setdefault("folds", {})
    for family, changed in folds.items():
        kept[family] = {**kept.get(family, {}), **{p: None if v is None else _rounded(v) for p, v in changed.items()}}
    file["provenance"] |= {"date": datetime.now(UTC).date().isoformat(), "command": f"python -m simulator.calibration.fitting {task.name}"}
    apart = sum(other.table == task.table and bool(other.libraries) for other in TASKS.values()) > 1  # its class is another task's, too
    for name, classes in error.items():
        for label, value in classes.items():
            file["provenance"]["error"].setdefault(task.name if apart else label, {})[name] = value
    return file


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def write(table: str, file: Mapping[str, object]) -> None:
    """Write a coefficient file whole."""
    write_whole(FOLDER / f"{table}.json", json.dumps(file, indent=1) + "\n")


def main() -> None:
    """Fit one task and show its errors; write the file if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=list(TASKS))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", type=int, default=400, help="rows of each group (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="write the coefficient file")
    options = parser.parse_args()
    task = TASKS[options.task]
    file = run(task, options.data, options.rows)
    print(json.dumps(file["provenance"], indent=1))
    if options.write:
        write(task.table, file)


if __name__ == "__main__":
    main()
