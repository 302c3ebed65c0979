"""Millions of designs through a compiled question, in bounded memory, on all cores."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from magnitudes.arrays import Column, Mask
from magnitudes.errors import InputError
from magnitudes.program import BLOCK, Program

T = TypeVar("T")
Chunk = Mapping[str, Column]


def evaluate(program: Program, columns: Chunk, workers: int | None = None) -> dict[str, Column | Mask]:
    """All rows of some columns.

    Parameters
    ----------
    program : Program
    columns : mapping of str to Column, shape (designs,)
    workers : int, optional
        Threads (numpy computes outside the interpreter's lock); one a core, if not said.

    Returns
    -------
    dict of str to array, shape (designs,)

    Raises
    ------
    InputError
        If an input is not there, the columns differ in length, or there is no worker.
    """
    rows = program.rows(columns)
    workers = min(threads(workers), max(1, rows // BLOCK))
    edges = np.linspace(0, rows, workers + 1).astype(int)
    parts = [{name: column[a:b] for name, column in columns.items()} for a, b in pairwise(edges)]
    if workers == 1:
        return program.run(parts[0])
    contexts = [copy_context() for _ in parts]  # what the caller set, such as which errors of arithmetic to ignore, holds in threads too
    with ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(lambda context, part: context.run(program.run, part), contexts, parts))
    return {name: np.concatenate([r[name] for r in results]) for name in results[0]}


def stream(program: Program, chunks: Iterable[Chunk], reduce: Callable[[Chunk, dict[str, Any]], T], workers: int | None = None) -> Iterator[T]:
    """What `reduce` makes of each chunk and its outputs, in order; no more than a few chunks are alive at once.

    Parameters
    ----------
    program : Program
    chunks : iterable of mappings of str to Column
        Made when they are wanted: a generator keeps memory bounded.
    reduce : callable
        ``(inputs, outputs) -> summary``, run beside the evaluation.
    workers : int, optional

    Raises
    ------
    InputError
        If a chunk lacks an input, or there is no worker.
    """
    workers = threads(workers)
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[T]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(_reduced, program, chunk, reduce))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _reduced(program: Program, chunk: Chunk, reduce: Callable[[Chunk, dict[str, Any]], T]) -> T:
    return reduce(chunk, program.run(chunk))


def threads(workers: int | None) -> int:
    """The number of workers that was asked for; one a core, if none was.

    Raises
    ------
    InputError
    """
    if workers is not None and workers < 1:
        raise InputError(f"{workers} workers; at least one is needed (this process may use {cores()} cores)")
    return workers or cores()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
