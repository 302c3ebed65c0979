"""Every design of a space (or a draw of them), scored and written part by part; killed at any time, it goes on where it stopped."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

from explorers.space.catalog import find_space, read_space
from explorers.space.space import DesignSpace
from explorers.store import Store, create_store, open_store, places_of, write_part
from magnitudes.errors import InputError

PART_SIZE = 1 << 20
MOST = 10_000_000_000
RESTARTS = 5  # of a pool whose worker was killed


def sweep(
    space: DesignSpace | str,
    folder: str | Path,
    *,
    sample: int | None = None,
    seed: int = 0,
    part_size: int = PART_SIZE,
    workers: int = 1,
    ray: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Store:
    """Score designs into a results folder, leaving out what is there already.

    Parameters
    ----------
    space : DesignSpace or str
        A space, a shipped one's name, or the path of a file.
    folder : str or Path
    sample : int, optional
        Designs drawn evenly; all of the grid, if not said.
    seed : int
        Of the draw.
    part_size : int
        Designs a part.
    workers : int
        Processes; each uses all cores inside numpy where there is one.
    ray : str, optional
        Address of a Ray cluster (``auto``: the one that runs here, else as ``local``: one of this machine alone) to run on, not on processes (extra ``ray``).
    progress : callable, optional
        Told parts done and parts in all.

    Raises
    ------
    InputError
        If the space is too large to sweep, the folder is of something else, or cannot be written.
    """
    space = find_space(space) if isinstance(space, str) else space
    if sample is None and space.grid_size > MOST:
        raise InputError(f"{space.name} has {space.grid_size:.2e} designs, too many to write; draw some (--sample 1e6), or explore it")
    store = create_store(folder, space, sample, seed, part_size, versions())
    left = store.missing()
    done = store.parts - len(left)
    for count, _ in enumerate(_run(store, space, left, workers, ray), start=1):
        if progress is not None:
            progress(done + count, store.parts)
    return store


def versions() -> dict[str, str]:
    """What the numbers depend on."""
    return {"roofscape": version("roofscape"), "numpy": version("numpy"), "pyarrow": version("pyarrow"), "machine": platform.machine()}


def _run(store: Store, space: DesignSpace, left: list[int], workers: int, ray: str | None) -> Iterator[int]:
    if ray is not None:
        return _on_ray(store, left, ray)
    if workers > 1 and len(left) > 1:
        return _on_processes(store, left, workers)
    return (_part(store, space, number) for number in left)


def _part(store: Store, space: DesignSpace, number: int) -> int:
    places = places_of(space, store.manifest, number)
    write_part(store, number, space, places, space.score(places))
    return number


_SPACES: dict[str, tuple[Store, DesignSpace]] = {}  # of a worker: a space is compiled once


def part_of(folder: str, number: int) -> int:
    """Score one part of a results folder, in whichever process this runs."""
    if folder not in _SPACES:
        store = open_store(folder)
        _SPACES[folder] = store, read_space(yaml.safe_dump(store.manifest["space"], sort_keys=False), folder)
    return _part(*_SPACES[folder], number)


def _on_processes(store: Store, left: list[int], workers: int) -> Iterator[int]:
    """The parts on several processes; where one is killed, the others' work is kept and what is left goes on in new ones."""
    waiting, restarts = list(left), 0
    while waiting:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            futures: set[Future[int]] = {pool.submit(part_of, str(store.folder), number) for number in waiting}
            try:
                while futures:
                    finished, futures = wait(futures, return_when=FIRST_COMPLETED)
                    for future in finished:
                        number = future.result()
                        waiting.remove(number)
                        yield number
            except BrokenProcessPool:
                restarts += 1
                if restarts > RESTARTS:
                    raise InputError(f"workers were killed {restarts} times (out of memory?); what was done is kept: go on with fewer --workers") from None
                written = [n for n in waiting if store.part(n).is_file()]
                for number in written:
                    waiting.remove(number)
                    yield number


def _on_ray(store: Store, left: list[int], address: str) -> Iterator[int]:
    """The parts on a Ray cluster that shares this folder; a task whose worker dies is started again by Ray."""
    try:
        import ray
    except ModuleNotFoundError:
        raise InputError("--ray needs Ray, which is not installed; `pip install 'roofscape[ray]'` brings it") from None
    own = not ray.is_initialized()
    if own:
        _join(ray, address)
    remote: Any = ray.remote(max_retries=RESTARTS)(part_of)
    try:
        waiting = [remote.remote(str(store.folder.absolute()), number) for number in left]
        while waiting:
            finished, waiting = ray.wait(waiting)
            yield from ray.get(finished)
    finally:
        if own:
            ray.shutdown()


def _join(ray: Any, address: str) -> None:
    """Join a cluster; where ``auto`` finds none, one of this machine alone is made.

    Raises
    ------
    InputError
        If there is no cluster at an address.
    """
    how = {"include_dashboard": False, "log_to_driver": False, "configure_logging": False}
    if address != "local":
        try:
            ray.init(address=address, **how)
            return
        except (ConnectionError, ValueError) as error:
            if address != "auto":
                raise InputError(f"no Ray cluster at {address}: {error}; start one (`ray start --head`), or ask for --ray local") from None
    ray.init(**how)
