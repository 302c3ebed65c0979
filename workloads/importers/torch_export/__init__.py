"""Models from PyTorch (extra ``torch``): an exported program, or a module with example inputs, through its ATen operators.

Weights may lie on the meta device: only shapes are read, so that a model of any size is described without its memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from workloads.importers.torch_export.walk import input_sizes, native_format, traced
from workloads.importers.traced.model import TracedModel
from workloads.importers.traced.trace import Trace
from workloads.model import ModelError

__all__ = ["read_module"]


def read_module(thing: Any, inputs: Any = None, name: str | None = None) -> TracedModel:
    """A model from a module with example inputs, or from a program that was exported already.

    Parameters
    ----------
    thing : torch.nn.Module or torch.export.ExportedProgram
        A module is exported in evaluation mode and without gradients, and left in the mode it was in.
    inputs : tuple or mapping, optional
        Example inputs of a module, by place or by name. Their shapes are those of the estimate: a larger batch is another example.
    name : str, optional
        The module's class, if not said.

    Raises
    ------
    ModelError
        If there are no inputs, or the module cannot be exported.
    """
    import torch

    program = thing if isinstance(thing, torch.export.ExportedProgram) else _exported(thing, inputs)
    called = name or (type(thing).__name__ if isinstance(thing, torch.nn.Module) else "exported_program")
    try:
        program = program.run_decompositions({})  # in-place operators become pure ones, nothing is taken apart
    except RuntimeError as error:
        raise ModelError(f"{called} cannot be brought to pure ATen operators: {_first_line(error)}") from error
    return TracedModel(called, partial(_trace, program), input_sizes(program), native_format(program))


def _trace(program: Any, dims: Mapping[str, float]) -> Trace:
    return traced(program)


def _exported(module: Any, inputs: Any) -> Any:
    """The program of a module.

    Raises
    ------
    ModelError
    """
    import torch

    name = type(module).__name__
    if inputs is None:
        raise ModelError(f"{name} is a module, whose shapes follow from its inputs; give examples: inputs=(torch.zeros(1, 3, 224, 224),)")
    args, kwargs = ((), dict(inputs)) if isinstance(inputs, Mapping) else (tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,), {})
    training, fast = module.training, torch.backends.mha.get_fastpath_enabled()
    module.eval()
    torch.backends.mha.set_fastpath_enabled(False)  # one operator that hides attention's parts
    try:
        with torch.no_grad():
            return torch.export.export(module, args, kwargs)
    except Exception as error:  # tracing runs the module's own code, which raises what it likes
        raise ModelError(
            f"{name} cannot be exported with these inputs: {type(error).__name__}: {_first_line(error)}; torch.export.export(module, args, kwargs) tells "
            "more, and its result can be given in place of the module"
        ) from error
    finally:
        module.train(training)
        torch.backends.mha.set_fastpath_enabled(fast)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")[:300]
