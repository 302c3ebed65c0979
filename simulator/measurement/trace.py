"""A trace on disk: rows are appended to a partial file as they are measured; the finished table is written whole and renamed.

The partial file is JSON lines: first the environment, then a row a line. A run that is killed loses at most the row in the making;
the next one reads what is there and goes on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magnitudes.files import whole, write_whole
from simulator.measurement.environment import MeasurementError

ENVIRONMENT = b"roofscape.environment"  # key of the parquet schema's metadata
VARYING = ("date", "skipped")  # of an environment, that may differ between two parts of a trace
# Columns that do not say what was measured, but how it went.
OUTCOMES = ("measured_us", "p10_us", "p90_us", "min_us", "repeats", "disturbed", "copies", "clock_hz", "power_w", "rounds", "round_spread")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trace:
    """Rows and the environment that they were measured in."""

    environment: Mapping[str, str]
    rows: tuple[Row, ...]


def partial_path(out: Path) -> Path:
    """Where the rows of an unfinished trace are."""
    return out.with_name(out.name + ".partial")


def same_environment(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Names of what differs between two environments, beside the date."""
    return sorted(k for k in {*one, *other} - set(VARYING) if one.get(k) != other.get(k))


def begin(out: Path, environment: Mapping[str, str]) -> list[Row]:
    """Open the partial file of a trace, and return the rows that are there already.

    Raises
    ------
    MeasurementError
        If what is there was measured in another environment, or the file cannot be written.
    """
    partial = partial_path(out)
    found = read_partial(partial) if partial.exists() else read_trace(out) if out.exists() else None
    if found is not None:
        differing = same_environment(found.environment, environment)
        if differing:
            there = partial if partial.exists() else out
            raise MeasurementError(f"{there} was begun in another environment (different: {', '.join(differing)}); name another --out, or remove it")
    rows = list(found.rows) if found else []
    lines = [json.dumps(dict(found.environment if found else environment)), *(json.dumps(r) for r in rows)]
    # Written anew, for a killed run leaves its last line half written.
    write_whole(partial, "\n".join(lines) + "\n", "free some space or choose another --out", MeasurementError)
    return rows


def append(out: Path, row: Mapping[str, Any]) -> None:
    """Add a row to the partial file.

    Raises
    ------
    MeasurementError
        If it cannot be written; the rows before it are kept.
    """
    partial = partial_path(out)
    try:
        with partial.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    except OSError as error:
        raise MeasurementError(f"cannot write {partial}: {error.strerror}; its rows are kept, make room and run the same command again to go on") from error


def read_partial(path: Path) -> Trace:
    """An unfinished trace; a last line that is not whole is dropped.

    Raises
    ------
    MeasurementError
        If the file is not one of ours.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    try:
        environment = json.loads(lines[0])
        whole = [_parsed(line) for line in lines[1:]]
    except (ValueError, IndexError) as error:
        raise MeasurementError(f"{path} is no unfinished trace; remove it and measure again") from error
    if any(row is None for row in whole[:-1]):
        raise MeasurementError(f"{path}: line {whole.index(None) + 2} is broken; remove it and go on")
    return Trace(environment, tuple(row for row in whole if row is not None))


def best_rounds(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """One row a case: its fastest round, with how many there were and how far the slowest was from it.

    What disturbs a measurement only ever makes it slower: the fastest of the rounds' medians is the least disturbed.
    """
    by_case: dict[tuple[tuple[str, Any], ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        by_case.setdefault(tuple(sorted((k, v) for k, v in row.items() if k not in (*OUTCOMES, "round"))), []).append(row)
    found = []
    for same in by_case.values():
        times = [r["measured_us"] for r in same]
        best = same[times.index(min(times))]
        slowest = max(r["measured_us"] * (1.0 + r.get("round_spread", 0.0)) for r in same)
        found.append({**best, "rounds": sum(r.get("rounds", 1.0) for r in same), "round_spread": slowest / min(times) - 1.0})
    return found


def _parsed(line: str) -> Row | None:
    try:
        return dict(json.loads(line))
    except ValueError:
        return None


def finish(out: Path, environment: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the table whole, a row a case, and drop the partial file.

    Raises
    ------
    MeasurementError
        If it cannot be written; the partial file is kept then.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = pd.DataFrame(best_rounds(rows))
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({ENVIRONMENT: json.dumps(dict(environment)).encode()})
    with whole(out, f"the rows are in {partial_path(out)}", MeasurementError) as file:
        pq.write_table(table, file, compression="zstd")
    partial_path(out).unlink(missing_ok=True)


def read_trace(path: Path) -> Trace:
    """A finished trace with its environment.

    Raises
    ------
    MeasurementError
        If it is no parquet file, is cut short, or was not written by `measure`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except FileNotFoundError as error:
        raise MeasurementError(f"{path}: no such file; `roofscape measure --out {path}` makes one") from error
    except (OSError, pa.ArrowException) as error:
        raise MeasurementError(f"{path}: cannot be read as parquet ({str(error).splitlines()[0]}); it may be cut short: measure again") from error
    metadata = table.schema.metadata or {}
    if ENVIRONMENT not in metadata:
        raise MeasurementError(f"{path}: no environment in it, so it was not written by `roofscape measure`; a trace of this machine is needed")
    rows = [{k: v for k, v in row.items() if v is not None and not (isinstance(v, float) and math.isnan(v))} for row in table.to_pylist()]
    return Trace(json.loads(metadata[ENVIRONMENT]), tuple(rows))
