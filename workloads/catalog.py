"""From a name to a model: shipped configurations with their provenance, the user's own ``config.json`` or ONNX file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workloads.importers.huggingface import model_of, read_config
from workloads.model import Model, ModelError
from workloads.shipped import SHIPPED, file_of


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A shipped model, its published weight count, and where both come from.

    Parameters
    ----------
    model : Model
    published_parameters : float
    source : str
    digits : int, optional
        Digits to which the count is published; all of them, if not said.
    published_macs : float, optional
        Multiply-adds of one image, where they are published.
    macs_source : str
    """

    model: Model
    published_parameters: float
    source: str
    digits: int | None = None
    published_macs: float | None = None
    macs_source: str = ""


@cache
def entry(name: str) -> ModelEntry:
    """A shipped model with its provenance, by its exact name."""
    file = SHIPPED / f"{name}.json"
    tree = json.loads(file.read_text(encoding="utf-8"))
    published = tree["_published"]
    macs = published.get("macs")
    return ModelEntry(
        model_of(tree, name, str(file)), float(published["parameters"]), published["source"], published.get("digits"),
        None if macs is None else float(macs), published.get("macs_source", ""),
    )  # fmt: skip


def find_model(name: str, dims: Mapping[str, float] | None = None) -> Model:
    """A model by name in any spelling, or from the path of a ``config.json``, of the folder that holds one, or of an ONNX file.

    Parameters
    ----------
    name : str
    dims : mapping of str to float, optional
        Symbolic dimensions of an ONNX graph.

    Raises
    ------
    NameMiss
        With the near matches.
    ModelError
        If a file does not describe a model.
    """
    path = Path(name)
    if path.suffix == ".onnx":
        from workloads.importers.onnx import read_onnx

        return read_onnx(path, dims)
    if dims:
        raise ModelError(f"{name} has no dimensions to bind ({', '.join(dims)}); only the graph in an ONNX file has")
    file = file_of(name)
    return entry(file.stem).model if file.parent == SHIPPED else read_config(file)
