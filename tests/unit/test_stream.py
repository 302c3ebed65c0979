"""Streams of designs: in order, the same whatever the workers, and in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from explorers.stream import Chunk, evaluate, stream, threads
from magnitudes import arrays
from magnitudes.errors import InputError
from magnitudes.program import BLOCK, Program, compiled
from magnitudes.symbol import Formula


@pytest.fixture(scope="module")
def program() -> Program:
    formula = Formula()
    x, y = formula.input("x"), formula.input("y")
    return compiled(formula, {"z": arrays.maximum(x * y, arrays.sqrt(x)) / (1.0 + y), "small": x < y})


def designs(rows: int, seed: int = 0) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    return {"x": random.uniform(0, 9, rows), "y": random.uniform(0, 9, rows)}


@pytest.mark.parametrize("rows", [1, BLOCK - 1, 2 * BLOCK, 5 * BLOCK + 123])
def test_workers_change_nothing(program: Program, rows: int) -> None:
    alone = evaluate(program, designs(rows), workers=1)
    for workers in (2, 3):
        together = evaluate(program, designs(rows), workers=workers)
        assert all((together[name] == alone[name]).all() and len(together[name]) == rows for name in alone)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_summaries_come_in_the_order_of_the_chunks(program: Program, workers: int) -> None:
    sizes = [BLOCK, 10, 3 * BLOCK, 1, 500, 2 * BLOCK, 7]
    chunks = [designs(size, seed) for seed, size in enumerate(sizes)]
    summaries = list(stream(program, iter(chunks), lambda inputs, outputs: (len(inputs["x"]), float(outputs["z"].sum())), workers))
    assert summaries == [(size, float(program.run(chunk)["z"].sum())) for size, chunk in zip(sizes, chunks, strict=True)]


def test_chunks_are_made_when_they_are_wanted(program: Program) -> None:
    made = 0

    def chunks() -> Iterator[Chunk]:
        nonlocal made
        for seed in range(50):
            made += 1
            yield designs(100, seed)

    workers, read = 2, 0
    for _ in stream(program, chunks(), lambda i, o: None, workers):
        read += 1
        assert made - read <= workers + 1
    assert made == read == 50


def test_nothing_comes_of_no_chunks(program: Program) -> None:
    assert list(stream(program, [], lambda i, o: 1)) == []


def test_an_error_in_a_chunk_is_the_callers(program: Program) -> None:
    chunks = [designs(5), {"x": np.ones(5)}]
    with pytest.raises(InputError, match="no column y"):
        list(stream(program, chunks, lambda i, o: 1, workers=2))


def test_no_workers_are_refused(program: Program) -> None:
    assert threads(None) >= 1
    for workers in (0, -2):
        with pytest.raises(InputError, match="at least one"):
            evaluate(program, designs(5), workers=workers)


def test_ten_times_the_designs_need_no_more_memory(project: Path) -> None:
    def peak_byte(count: float) -> int:
        command = [sys.executable, str(project / "benchmarks" / "streaming.py"), "--json", "--designs", str(count), "--workers", "2"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=project)
        result = json.loads(done.stdout)
        assert result["designs"] == count
        return int(result["peak_byte"])

    few, many = peak_byte(6e5), peak_byte(6e6)  # 6e6 designs of 16 columns are 0.8 GB, were they kept
    assert many < few + 50e6
    assert many < 0.5e9
