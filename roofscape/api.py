"""The public functions: names instead of objects, sensible defaults, columns wherever a number may stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from explorers import sensitivity
from explorers.question import Question
from hardware_specs.fields import with_values
from hardware_specs.schema import System
from magnitudes.errors import InputError
from magnitudes.sparsity import sparse
from roofscape.defaults import default_cut, default_scenario
from roofscape.named import DataTypeName, formats, model, native_dtype, system
from roofscape.serving import serving
from simulator import estimate as spine
from simulator.offload.choice import Offload
from simulator.result import Estimate
from simulator.spatial.mappings import Mappings, mappings
from workloads.adapters import Adapters
from workloads.draft_heads import DraftHead
from workloads.model import Model
from workloads.scenario import SCENARIOS, Scenario
from workloads.sharding import Parallelism


def _check_columns(values: Mapping[str, Any]) -> None:
    """Refuse columns that are not rows of one list of designs.

    Raises
    ------
    InputError
        Naming their lengths.
    """
    shapes = {name: np.shape(v) for name, v in values.items() if isinstance(v, np.ndarray | list | tuple)}
    for name, shape in shapes.items():
        if len(shape) != 1 or shape[0] == 0:
            raise InputError(f"{name} has shape {shape}; a column has shape (designs,) with at least one design")
    if len({shape[0] for shape in shapes.values() if shape[0] > 1}) > 1:
        lengths = ", ".join(f"{name} {shape[0]}" for name, shape in shapes.items())
        raise InputError(f"columns differ in length ({lengths}); a row of each makes a design: np.meshgrid and ravel give all combinations")


def estimate(
    of: str | Model | Any,
    on: str | System,
    scenario: Scenario | None = None,
    *,
    tp: Any = None,
    pp: Any = 1.0,
    ep: Any = 1.0,
    dp: Any = 1.0,
    dtype: DataTypeName | None = None,
    activation_dtype: DataTypeName | None = None,
    kv_dtype: DataTypeName | None = None,
    fidelity: str = "tile",
    timing: str = "graph",
    spill: bool = False,
    correction: bool = True,
    coprocess: bool = True,
    overlap: bool = False,
    mapping: str | Mappings = "folds",
    offload: str | Offload | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - the name that --set has
    draft: str | Model | DraftHead | None = None,
    sparsity: Any = None,
    lora: Adapters | None = None,
    fuse: Sequence[Sequence[str]] = (),
    dims: Mapping[str, float] | None = None,
    inputs: Any = None,
) -> Estimate:
    """Time, bound and fit of a model on a machine.

    Parameters
    ----------
    of : str, Model, torch.nn.Module or torch.export.ExportedProgram
        Name of a model, the path of a Hugging Face ``config.json`` or of an ONNX file, or what PyTorch has.
    on : str or System
        Name of a machine (``h100-sxm``, ``8xh100-sxm``), or the path of a spec's YAML.
    scenario : Scenario, optional
        `Prefill`, `Decode`, `Inference`, `MixedBatch`, `Images`, `Diffusion`, `Samples` or `Train`.
    tp, pp, ep, dp : float or array of shape (designs,)
        Degrees of tensor, pipeline, expert and data parallelism. If none is given, the chips are used as tensor parallelism
        as far as the model allows, and as replicas beyond.
    dtype, activation_dtype, kv_dtype : str or sequence of str
        Formats of weights, of what enters matrix products, and of keys and values. Weights have the graph's own format, if not said,
        where the model is one, and bf16 where it is a configuration.
    fidelity : str
        ``tile`` (kernel by kernel) or ``roofline`` (the physical floor).
    timing : str
        ``graph``, ``kernel`` or ``eager``: how kernels are started.
    spill : bool
        Whether what does not fit may lie in the tier behind main memory.
    correction : bool
        Whether the learned correction is applied on top of the tile law's physics.
    coprocess : bool
        Whether two engines of a chip may share the experts or heads of an operator.
    overlap : bool
        Whether the sums behind a product are exchanged while it is computed, as on hardware or in kernels that fuse both.
    mapping : str or Mappings
        How layers lie on a spatial array: ``folds`` (the closed form), ``search`` (tiles and loop orders, for the least energy x delay; ``search:time`` and
        ``search:energy`` for those), or the path of a JSON file with mappings by operator.
    offload : str or Offload, optional
        Which weights and caches lie behind main memory: ``"weights=host:0.5,kv=ssd"``.
    set : mapping of str to float or array, optional
        Hardware numbers to change, by path: ``{"hbm.bandwidth": np.linspace(2e12, 8e12, 100)}``.
    sparsity : str, float or array of shape (designs,), optional
        Zeros among the weights: ``"2:4"``, or their share where they lie anywhere.
    lora : Adapters, optional
        Adapters that requests bring (`workloads.adapters`).
    draft : str, Model or DraftHead, optional
        A small model whose proposals are verified, or a head on this one (``"medusa:heads=4"``, ``"eagle"``, ``"eagle3"``); the scenario
        says ``speculate`` and ``acceptance``.
    fuse : sequence of sequences of str
        Groups of operators that shall run as one section, on a streaming chip: ``[("gate_up", "activation", "down")]``.
    dims, inputs
        Symbolic dimensions of an ONNX graph, and example inputs of a module, as in `model`.

    Returns
    -------
    Estimate
        Of one design, or a row a design where any argument is an array.

    Raises
    ------
    InputError
        Naming what is wrong and the remedy.

    Examples
    --------
    >>> import roofscape as rs
    >>> e = rs.estimate("llama-3-8b", on="h100-sxm", scenario=rs.Decode(batch=32, context=2048))
    >>> e.bound
    'hbm'
    """
    how: dict[str, Any] = {
        "fidelity": fidelity, "timing": timing, "spill": spill, "correction": correction, "coprocess": coprocess, "overlap": overlap,
        "offload": Offload.read(offload) if isinstance(offload, str) else offload,
    }  # fmt: skip
    of = model(of, dims=dims, inputs=inputs)
    dtype = native_dtype(of) if dtype is None else dtype
    q = question(of, on, scenario, tp=tp, pp=pp, ep=ep, dp=dp, set=set, draft=draft, lora=lora, fuse=fuse, **how)
    named = {f.name: getattr(q.scenario, f.name) for f in fields(q.scenario)} | {"tp": tp, "pp": pp, "ep": ep, "dp": dp}
    _check_columns(named | {"dtype": dtype, "activation_dtype": activation_dtype, "kv_dtype": kv_dtype, "sparsity": sparsity} | dict(set or {}))
    numbers = formats(dtype, activation_dtype, kv_dtype)
    if sparsity is not None:
        numbers = replace(numbers, weight=sparse(numbers.weight, sparsity))
    return spine.estimate(q.model, q.system, q.scenario, q.cut, numbers, mapping=mappings(mapping) if isinstance(mapping, str) else mapping, **how)


def question(
    of: str | Model,
    on: str | System,
    scenario: Scenario | None = None,
    *,
    tp: Any = None,
    pp: Any = 1.0,
    ep: Any = 1.0,
    dp: Any = 1.0,
    data_types: tuple[str, ...] = ("bf16",),
    fidelity: str = "tile",
    timing: str = "graph",
    spill: bool = False,
    correction: bool = True,
    coprocess: bool = True,
    overlap: bool = False,
    offload: str | Offload | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - the name that --set has
    activation_dtype: str | None = None,
    kv_dtype: str | None = None,
    draft: str | Model | DraftHead | None = None,
    sparsity: Any = None,
    lora: Adapters | None = None,
    fuse: Sequence[Sequence[str]] = (),
) -> Question:
    """A question to be compiled and asked of many designs.

    Parameters
    ----------
    of, on, scenario, tp, pp, ep, dp, fidelity, timing, spill, correction, coprocess, overlap, offload, set, draft, lora, fuse
        As in `estimate`.
    activation_dtype, kv_dtype : str, optional
        As in `estimate`, one for all designs.
    sparsity : str or float, optional
        As in `estimate`; a design may bring its own share as ``sparsity``.
    data_types : tuple of str
        Formats that a design's ``dtype`` picks from.

    Raises
    ------
    InputError
    """
    found, machine = serving(model(of), on, lora, draft, fuse), system(on)
    if scenario is not None and not isinstance(scenario, Scenario):
        known = ", ".join(s.__name__ for s in SCENARIOS.values())
        raise InputError(f"{scenario!r} is no scenario; give one of {known}, such as Decode(batch=32, context=2048)")
    machine = with_values(machine, set) if set else machine
    whole = tp is None and all(isinstance(d, int | float) and d == 1 for d in (pp, ep, dp))
    cut = default_cut(found, machine) if whole else Parallelism(1.0 if tp is None else tp, pp, ep, dp)
    return Question(
        found, machine, scenario or default_scenario(found), cut, data_types, fidelity, timing, spill, correction, coprocess, overlap,
        Offload.read(offload) if isinstance(offload, str) else offload, sparsity, activation_dtype, kv_dtype,
    )  # fmt: skip


def compare(of: str | Model | Any, on: Sequence[str | System], scenario: Scenario | None = None, **options: Any) -> dict[str, Estimate]:
    """The same question on several machines, by machine.

    Parameters
    ----------
    of : str or Model
    on : sequence of str or System
    scenario : Scenario, optional
    **options
        As in `estimate`.

    Returns
    -------
    dict of str to Estimate

    Raises
    ------
    InputError
    """
    found = model(of, dims=options.pop("dims", None), inputs=options.pop("inputs", None))
    return {name if isinstance(name, str) else name.name: estimate(found, name, scenario, **options) for name in on}


def elasticities(of: str | Model | Any, on: str | System, scenario: Scenario | None = None, *, dtype: str | None = None, **options: Any) -> dict[str, float]:
    """Percent of time per percent of each hardware parameter, largest first.

    Parameters
    ----------
    of, on, scenario, dtype
        As in `estimate`.
    **options
        As in `question`.

    Returns
    -------
    dict of str to float
        By path: -1 means that the time falls as the parameter grows.

    Raises
    ------
    InputError
    """
    found = model(of, dims=options.pop("dims", None), inputs=options.pop("inputs", None))
    return sensitivity.elasticities(question(found, on, scenario, data_types=(dtype or native_dtype(found),), **options))
