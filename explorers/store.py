"""Results on disk: a folder of parquet parts, each written whole, and a manifest that says of which space they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from explorers.space.catalog import read_space
from explorers.space.file import space_tree
from explorers.space.space import DesignSpace, Places, Scores
from explorers.space.statement import FEASIBLE
from magnitudes.errors import InputError
from magnitudes.files import UNFINISHED, whole, write_whole

MANIFEST = "manifest.json"
FORMAT = 1
COMPRESSION = "zstd"
REMEDY = "what was done is kept, make room and run the same command again to go on"


class StoreError(InputError):
    """A results folder that cannot be used as asked."""


@dataclass(frozen=True)
class Store:
    """A results folder.

    Parameters
    ----------
    folder : Path
    manifest : mapping
        ``space`` (as its file says), ``hash`` of it, ``designs``, ``part_size``, ``sample`` and ``seed`` (of drawn designs), ``versions``.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def space(self) -> DesignSpace:
        """The space that the results are of."""
        import yaml

        return read_space(yaml.safe_dump(self.manifest["space"], sort_keys=False), str(self.folder / MANIFEST))

    @property
    def parts(self) -> int:
        """How many parts there are when all is done."""
        return -(-int(self.manifest["designs"]) // int(self.manifest["part_size"]))

    def part(self, number: int) -> Path:
        """Where a part is."""
        return self.folder / f"part-{number:06d}.parquet"

    def missing(self) -> list[int]:
        """Parts that are not written yet."""
        return [i for i in range(self.parts) if not self.part(i).is_file()]

    def places(self, number: int) -> Places:
        """The designs of a part."""
        return places_of(self.space, self.manifest, number)


def places_of(space: DesignSpace, manifest: Mapping[str, Any], number: int) -> Places:
    """The designs of a part: a stretch of the grid in order, or a draw of its own seed."""
    size, designs = int(manifest["part_size"]), int(manifest["designs"])
    first = number * size
    last = min(first + size, designs)
    if manifest["sample"] is not None:
        return space.sample(last - first, np.random.default_rng([int(manifest["seed"]), number]))
    places = space.places(np.arange(first, last))
    one: Places = places[(space.canonical(places) == places).all(axis=1)]  # rows that conditions make equal are one design
    return one


def space_hash(tree: Mapping[str, Any]) -> str:
    """A digest of what a space's file says, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def open_store(folder: str | Path) -> Store:
    """A results folder that exists.

    Raises
    ------
    StoreError
        If it is none.
    """
    path = Path(folder)
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StoreError(f"{folder} is no results folder: there is no {MANIFEST}; `roofscape sweep SPACE --out {folder}` makes one") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read {path / MANIFEST}: {error}") from None
    if manifest.get("format") != FORMAT:
        raise StoreError(f"{folder} is of format {manifest.get('format')}, this version reads {FORMAT}; sweep it again into an empty folder")
    return Store(path, manifest)


def create_store(folder: str | Path, space: DesignSpace, sample: int | None, seed: int, part_size: int, versions: Mapping[str, str]) -> Store:
    """A new results folder, or the one that is there if it is of the same sweep.

    Raises
    ------
    StoreError
        If the folder holds something else, or cannot be written.
    """
    path = Path(folder)
    tree = space_tree(space)
    designs = sample if sample is not None else space.grid_size
    manifest = {
        "format": FORMAT, "space": tree, "hash": space_hash(tree), "designs": designs, "part_size": part_size, "sample": sample, "seed": seed,
        "versions": dict(versions),
    }  # fmt: skip
    if (path / MANIFEST).is_file():
        return _same(open_store(path), manifest)
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(p for p in path.iterdir() if not p.name.startswith(".")):
            raise StoreError(f"{folder} holds other files and no {MANIFEST}; name an empty or a new folder")
    except OSError as error:
        raise StoreError(f"cannot write into {folder}: {error.strerror}; choose another place") from None
    write_whole(path / MANIFEST, json.dumps(manifest, indent=1), error=StoreError)
    return Store(path, manifest)


def _same(store: Store, manifest: Mapping[str, Any]) -> Store:
    """The store that is there, if it is of the same space, draw and version."""
    for key, what in (
        ("hash", "another space"),
        ("sample", "another number of drawn designs"),
        ("seed", "another seed"),
        ("part_size", "parts of another size"),
    ):
        if store.manifest[key] != manifest[key]:
            name = store.manifest["space"].get("space", "")
            detail = f" ({name})" if key == "hash" else f" ({store.manifest[key]}, not {manifest[key]})"
            raise StoreError(f"{store.folder} holds results of {what}{detail}; name another folder, or remove it")
    if store.manifest["versions"] != manifest["versions"]:
        raise StoreError(
            f"{store.folder} was begun by {_versions(store.manifest)}, this is {_versions(manifest)}: rows of two versions would be mixed; name another folder"
        )
    for left in store.folder.glob(UNFINISHED):
        left.unlink(missing_ok=True)
    return store


def _versions(manifest: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())


def write_part(store: Store, number: int, space: DesignSpace, places: Places, scores: Scores) -> None:
    """Write a part: a column an axis (values in base units, names as names), a column a figure, and ``feasible``.

    Raises
    ------
    StoreError
        If it cannot be written whole; nothing is left of it then.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {}
    for i, axis in enumerate(space.axes):
        values = pa.array(axis.labels) if axis.labels else pa.array(axis.column)
        columns[axis.name] = pa.DictionaryArray.from_arrays(pa.array(places[:, i].astype(np.int32)), values)
    columns |= {name: pa.array(figure) for name, figure in scores.figures.items() if name not in columns}
    columns[FEASIBLE] = pa.array(scores.feasible)
    table = pa.table(columns)
    with whole(store.part(number), REMEDY, StoreError) as part:
        pq.write_table(table, part, compression=COMPRESSION, compression_level=1, use_dictionary=list(space.names), write_statistics=True, store_schema=False)
