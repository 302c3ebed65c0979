"""Traces of memory requests: streams, random accesses, two mixes as of servers, and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest
from simulator.events.dram_controller import BANKS, COLUMNS, Trace

ROWS = 16384  # of a bank (1 Gb x8: 14 bits)
LINE_BYTE = 64
KINDS = ("stream", "random", "cloud-1", "cloud-2")
REQUESTS = 10_000


def trace(kind: str, requests: int = REQUESTS, seed: int = 0) -> Trace:
    """A trace of a kind, or from the path of a file.

    Parameters
    ----------
    kind : str
        ``stream``: lines one after another, a request each 6 ns (10.7 GB/s of the channel's 12.8), one in four a write.
        ``random``: lines drawn evenly, 20 ns apart in the mean (exponential), one in three a write.
        ``cloud-1``: a key-value store: 80 % reads; two thirds of requests go to 2 % of the lines (Zipf, exponent 1), in bursts of 4 to 16 lines, 15 ns apart
        in the mean.
        ``cloud-2``: an analytics scan beside a server: two streams and random accesses, four to one, in phases of 200 requests, busy (8 ns) and quiet (60 ns).
        Otherwise a file: a line a request, ``TIME_NS ADDRESS READ|WRITE``.
    requests, seed : int

    Raises
    ------
    InputError
        If there is no such kind or file, or a line cannot be read.
    """
    if kind in KINDS:
        made = {"stream": _stream, "random": _random, "cloud-1": _store, "cloud-2": _scan}[kind]
        return _of_lines(*made(requests, np.random.default_rng(seed)))
    if Path(kind).is_file():
        return read_trace(Path(kind))
    raise NameMiss("trace", kind, nearest(kind, KINDS), f"(kinds: {', '.join(KINDS)}; or the path of a file with lines 'TIME_NS ADDRESS READ|WRITE')")


Lines = tuple[np.ndarray, np.ndarray, np.ndarray]  # arrival [s], line, write


def _of_lines(arrival_s: np.ndarray, line: np.ndarray, write: np.ndarray) -> Trace:
    """Addresses as rank, bank, row and column: banks above rows above columns."""
    row = (line // COLUMNS) % ROWS
    bank = (line // (COLUMNS * ROWS)) % BANKS
    return Trace(np.ascontiguousarray(arrival_s, dtype=np.float64), bank.astype(np.int64), row.astype(np.int64), write.astype(np.int64))


def _stream(requests: int, generator: np.random.Generator) -> Lines:
    start = int(generator.integers(0, ROWS * COLUMNS * BANKS))
    return np.arange(requests) * 6e-9, start + np.arange(requests), (np.arange(requests) % 4 == 3).astype(np.int64)


def _random(requests: int, generator: np.random.Generator) -> Lines:
    arrival = np.cumsum(generator.exponential(20e-9, requests))
    return arrival, generator.integers(0, ROWS * COLUMNS * BANKS, requests), (generator.random(requests) < 1 / 3).astype(np.int64)


def _store(requests: int, generator: np.random.Generator) -> Lines:
    lines = ROWS * COLUMNS * BANKS
    hot = generator.integers(0, lines, lines // 50 // 1000)  # 2 % of the lines, in runs that bursts stay in
    popular = 1.0 / np.arange(1, len(hot) + 1)
    starts: list[int] = []
    lengths: list[int] = []
    while sum(lengths) < requests:
        from_hot = generator.random() < 2 / 3
        starts.append(int(generator.choice(hot, p=popular / popular.sum())) if from_hot else int(generator.integers(0, lines)))
        lengths.append(int(generator.integers(4, 17)))
    line = np.concatenate([s + np.arange(n) for s, n in zip(starts, lengths, strict=True)])[:requests] % lines
    return np.cumsum(generator.exponential(15e-9, requests)), line, (generator.random(requests) < 0.2).astype(np.int64)


def _scan(requests: int, generator: np.random.Generator) -> Lines:
    lines = ROWS * COLUMNS * BANKS
    which = generator.choice(3, requests, p=[0.4, 0.4, 0.2])
    line = generator.integers(0, lines, requests)
    for stream in (0, 1):
        members = np.flatnonzero(which == stream)
        line[members] = (int(generator.integers(0, lines)) + np.arange(len(members))) % lines
    busy = (np.arange(requests) // 200) % 2 == 0
    arrival = np.cumsum(generator.exponential(np.where(busy, 8e-9, 60e-9)))
    return arrival, line, ((which == 1) | (generator.random(requests) < 0.1)).astype(np.int64)


def read_trace(path: Path) -> Trace:
    """A trace from its file.

    Raises
    ------
    InputError
        Naming the line that cannot be read.
    """
    arrival: list[float] = []
    line: list[int] = []
    write: list[int] = []
    for number, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        words = text.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            time_ns, address, kind = float(words[0]), int(words[1], 0), words[2].lower()
        except (ValueError, IndexError):
            raise InputError(f"{path}, line {number}: {text.strip()!r} should be 'TIME_NS ADDRESS READ|WRITE', such as '120 0x4f00 READ'") from None
        if kind not in ("read", "write") or time_ns < 0 or address < 0 or (arrival and time_ns * 1e-9 < arrival[-1]):
            raise InputError(f"{path}, line {number}: {text.strip()!r}: times grow from zero on, and a request is READ or WRITE")
        arrival.append(time_ns * 1e-9)
        line.append(address // LINE_BYTE)
        write.append(int(kind == "write"))
    if not arrival:
        raise InputError(f"{path} holds no request; a line is 'TIME_NS ADDRESS READ|WRITE'")
    return _of_lines(np.array(arrival), np.array(line, dtype=np.int64), np.array(write, dtype=np.int64))
