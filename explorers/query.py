"""Questions to a results folder, larger than memory or not: rows that fulfil a formula, and the front among them."""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from explorers.pareto import Front
from explorers.space.expression import Expression, expression
from explorers.space.statement import FEASIBLE
from explorers.store import Store, open_store
from magnitudes.errors import InputError
from magnitudes.files import whole
from magnitudes.names import NameMiss, nearest

LARGE_IS_GOOD = ("throughput_token_per_s", "throughput_image_per_s", "throughput_sample_per_s")
DIRECTIONS = {"min": 1.0, "max": -1.0}
_SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "="}
_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_FUNCTIONS = {"min": "least", "max": "greatest", "ceil": "ceil", "floor": "floor", "sqrt": "sqrt", "exp": "exp", "log": "ln"}
BATCH = 1 << 18


def query(
    store: Store | str | Path,
    condition: str | None = None,
    *,
    pareto: Sequence[str] = (),
    order: str | None = None,
    limit: int | None = 20,
    infeasible: bool = False,
) -> Any:
    """Rows of a results folder.

    Parameters
    ----------
    store : Store, str or Path
        The folder, as `sweep` returns it, or where it is.
    condition : str, optional
        A formula over its columns: ``"tpot_s < 0.02 and usd_per_h < 30"``. Numbers are in base units.
    pareto : sequence of str
        Columns of which only rows on the common front are kept: ``tpot_s``, or with a direction, ``throughput_token_per_s:max``.
        Without one it is the direction of the space's objective, else small is good.
    order : str, optional
        Column to sort by, ascending (``NAME:max`` for descending); the first objective, or the first column of the front, if not said.
    limit : int, optional
        Rows at most; None for all.
    infeasible : bool
        Whether infeasible designs count, too.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    InputError
        If the folder holds no results yet, a column does not exist, or the formula cannot be read.
    """
    asked = _asked(store, condition, pareto, order, infeasible=infeasible)
    bounded = "" if limit is None or pareto else f" LIMIT {int(limit)}"
    with _refused():
        return _connection().execute(asked + bounded).df()


def write_csv(
    store: Store | str | Path,
    path: str | Path,
    condition: str | None = None,
    *,
    pareto: Sequence[str] = (),
    order: str | None = None,
    infeasible: bool = False,
) -> None:
    """All rows of a question as a file of comma-separated values, whole or not at all; they never are in memory together.

    Raises
    ------
    InputError
        As `query`, or if the file cannot be written.
    """
    asked = _asked(store, condition, pareto, order, infeasible=infeasible)
    with whole(path) as unfinished:
        name = str(unfinished).replace("'", "''")
        _execute(f"COPY ({asked}) TO '{name}' (FORMAT csv, HEADER)")


def _asked(store: Store | str | Path, condition: str | None, pareto: Sequence[str], order: str | None, *, infeasible: bool) -> str:
    """A question in SQL; the front is looked for on the way."""
    store = store if isinstance(store, Store) else open_store(store)
    source, columns = _source(store)
    where = _where(condition, columns, infeasible=infeasible)
    directions = dict(_direction(p, store, columns) for p in pareto)
    if directions:
        rows = _front(source, where, directions)
        where = f" WHERE row_number IN ({', '.join(str(r) for r in rows)})" if rows else " WHERE false"
    by, sign = _direction(order or next(iter(directions), _first_objective(store)), store, columns)
    listed = ", ".join(_quoted(c) for c in columns)
    return f"SELECT {listed} FROM {source}{where} ORDER BY {_quoted(by)} {'ASC' if sign > 0 else 'DESC'}"


def count(store: Store | str | Path, condition: str | None = None, *, infeasible: bool = False) -> int:
    """How many rows fulfil a condition; of the feasible ones, if not said otherwise."""
    source, columns = _source(store if isinstance(store, Store) else open_store(store))
    return int(_execute(f"SELECT count(*) FROM {source}{_where(condition, columns, infeasible=infeasible)}").fetchone()[0])


def _where(condition: str | None, columns: Sequence[str], *, infeasible: bool) -> str:
    parts = [] if infeasible else [f'"{FEASIBLE}"']
    if condition:
        asked = expression(condition)
        for name in asked.names:
            _check(name, columns)
        parts.append(sql(asked))
    return f" WHERE {' AND '.join(f'({p})' for p in parts)}" if parts else ""


def sql(asked: Expression) -> str:
    """A formula in SQL, names quoted."""
    return _sql(asked.tree)


def _sql(tree: ast.expr) -> str:
    match tree:
        case ast.Constant(value=bool(value)):
            return str(value).lower()
        case ast.Constant(value=str(value)):
            return "'" + value.replace("'", "''") + "'"
        case ast.Constant(value=value):
            return repr(float(value))  # type: ignore[arg-type]
        case ast.BinOp(left=a, op=ast.Pow(), right=b):
            return f"pow({_sql(a)}, {_sql(b)})"
        case ast.BinOp(left=a, op=op, right=b):
            return f"({_sql(a)} {_OPERATORS[type(op)]} {_sql(b)})"
        case ast.UnaryOp(operand=a):
            return f"(-{_sql(a)})"
        case ast.BoolOp(op=op, values=values):
            return "(" + f" {'AND' if isinstance(op, ast.And) else 'OR'} ".join(_sql(v) for v in values) + ")"
        case ast.Compare(left=a, ops=ops, comparators=others):
            sides = [a, *others]
            pairs = zip(ops, sides, sides[1:], strict=False)
            return "(" + " AND ".join(f"{_sql(x)} {_SIGNS[type(o)]} {_sql(y)}" for o, x, y in pairs) + ")"
        case ast.Call(func=ast.Name(id="where"), args=[condition, a, b]):
            return f"(CASE WHEN {_sql(condition)} THEN {_sql(a)} ELSE {_sql(b)} END)"
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in _FUNCTIONS:
            return f"{_FUNCTIONS[name]}({', '.join(_sql(a) for a in arguments)})"
    return _quoted(ast.unparse(tree))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _source(store: Store) -> tuple[str, list[str]]:
    """The table that the parts are, and its columns."""
    files = [store.part(i) for i in range(store.parts) if store.part(i).is_file()]
    if not files:
        raise InputError(f"{store.folder} holds no results yet; `roofscape sweep` writes them")
    listed = ", ".join("'" + str(f).replace("'", "''") + "'" for f in files)
    plain = f"read_parquet([{listed}])"
    columns = [d[0] for d in _execute(f"SELECT * FROM {plain} LIMIT 0").description]
    return f"(SELECT *, row_number() OVER () AS row_number FROM {plain})", columns


def _execute(text: str) -> Any:
    with _refused():
        return _connection().execute(text)


@contextmanager
def _refused() -> Iterator[None]:
    """What the database refuses is said in a line.

    Raises
    ------
    InputError
    """
    import duckdb

    try:
        yield
    except duckdb.Error as error:  # a name compared with a number, a part that is damaged, a full disk
        what = "a file cannot be read or written" if isinstance(error, duckdb.IOException | duckdb.InvalidInputException) else "no answer to that question"
        raise InputError(f"{what}: {str(error).partition(chr(10))[0]}") from error


def _connection() -> Any:
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET temp_directory = '{tempfile.gettempdir()}'")  # where rows go that do not fit into memory while they are sorted
    connection.execute("SET preserve_insertion_order = true")
    connection.execute("SET enable_progress_bar = false")
    return connection


def _front(source: str, where: str, directions: dict[str, float]) -> list[int]:
    """Row numbers of the front, found batch by batch."""
    listed = ", ".join(_quoted(n) for n in directions)
    front = Front.empty(1, len(directions))
    with _refused():
        for batch in _connection().sql(f"SELECT row_number, {listed} FROM {source}{where}").to_arrow_reader(BATCH):
            rows = batch.column(0).to_numpy(zero_copy_only=False)[:, None].astype(np.int64)
            figures = np.column_stack([batch.column(i + 1).to_numpy(zero_copy_only=False).astype(np.float64) * s for i, s in enumerate(directions.values())])
            known = ~np.isnan(figures).any(axis=1)
            front.merge(rows[known], figures[known])
    return [int(r) for r in front.places[:, 0]]


def _direction(text: str, store: Store, columns: Sequence[str]) -> tuple[str, float]:
    """A column and whether small (1) or large (-1) is good."""
    name, _, word = text.partition(":")
    if word and word not in DIRECTIONS:
        raise InputError(f"{text!r} should be NAME, NAME:min or NAME:max")
    _check(name, columns)
    if word:
        return name, DIRECTIONS[word]
    for goal in store.manifest["space"].get("objectives", ()):
        direction, _, figure = str(goal).partition(" ")
        if figure.strip() == name:
            return name, 1.0 if direction.startswith("minimi") else -1.0
    return name, -1.0 if name in LARGE_IS_GOOD else 1.0


def _first_objective(store: Store) -> str:
    return str(store.manifest["space"]["objectives"][0]).partition(" ")[2].strip()


def _check(name: str, columns: Sequence[str]) -> None:
    if name not in columns:
        raise NameMiss("column", name, nearest(name, columns), f"(columns: {', '.join(columns)}; the space's `let` and `report` add figures)")
