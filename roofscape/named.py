"""From what people write to models, systems and formats: names, paths, and what PyTorch has."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hardware_specs.catalog import find_system
from hardware_specs.schema import System
from magnitudes.datatypes import AnyDataType, data_type, data_type_choice
from magnitudes.errors import InputError
from workloads.catalog import find_model
from workloads.model import GraphModel, Model
from workloads.sharding import Precision, precision

DataTypeName = str | Sequence[str]


def model(name: str | Model | Any, *, dims: Mapping[str, float] | None = None, inputs: Any = None) -> Model:
    """A model by name, from the path of a Hugging Face ``config.json`` or of an ONNX file, or from PyTorch.

    Parameters
    ----------
    name : str, Model, torch.nn.Module or torch.export.ExportedProgram
        A model itself is returned as it is.
    dims : mapping of str to float, optional
        Symbolic dimensions of an ONNX graph; those that are not said are 1, or what the scenario says (batch, prompt).
    inputs : tuple or mapping, optional
        Example inputs of a module, by place or by name: their shapes are those of the estimate. They may lie on the meta device.

    Raises
    ------
    InputError
        With the near matches, or with what is wrong in the file.
    """
    if isinstance(name, str):
        return find_model(name, dims)
    if is_from_torch(name):
        from workloads.importers.torch_export import read_module

        return read_module(name, inputs)
    found: Model = name
    return found


def is_from_torch(thing: object) -> bool:
    """Whether something is a module of PyTorch or an exported program; PyTorch is not imported to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, (torch.nn.Module, torch.export.ExportedProgram))


def native_dtype(of: Model) -> str:
    """The format that a model brings: its graph's, or bf16 where it is a configuration."""
    return of.native if isinstance(of, GraphModel) else "bf16"


def system(name: str | System) -> System:
    """A system by name (``h100-sxm``, ``8xh100-sxm``, ``dgx-a100``), or from the path of a spec's YAML.

    Parameters
    ----------
    name : str or System
        A system itself is returned as it is.

    Raises
    ------
    InputError
        With the near matches, or with all mistakes of the file.
    """
    return find_system(name) if isinstance(name, str) else name


def formats(dtype: DataTypeName = "bf16", activation_dtype: DataTypeName | None = None, kv_dtype: DataTypeName | None = None) -> Precision:
    """Data types by name; a sequence of names is a column, a row a design."""
    return precision(_type(dtype), _type(activation_dtype) if activation_dtype else None, _type(kv_dtype) if kv_dtype else None)


def _type(name: DataTypeName) -> AnyDataType:
    if isinstance(name, str):
        return data_type(name)
    if not isinstance(name, Sequence | np.ndarray) or not all(isinstance(n, str) for n in name):
        raise InputError(f"{name!r} is no name of a data type, and no sequence of names; such as 'bf16' or ['bf16', 'fp8']")
    if len(name) == 0:
        raise InputError("an empty sequence of data types; give a name a design")
    distinct = list(dict.fromkeys(name))
    return data_type_choice(distinct, [distinct.index(n) for n in name])
