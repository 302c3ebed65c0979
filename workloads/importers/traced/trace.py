"""The vocabulary of traced graphs: tensors with shapes, and steps of a few kinds between them.

A reader (ONNX, `torch.export`) turns each node of its graph into steps of these kinds; what a step costs follows from its kind, its
sizes and the shapes of its tensors.

======================  =======================================================================================================
kind                    meaning; sizes
======================  =======================================================================================================
``contraction``         products of two tensors, and a bias: `batch`, `m`, `n`, `k`
``convolution``         of an image, and a bias: `batch`, `cin`, `cout`, `in_h`, `in_w`, `out_h`, `out_w`, `kernel_h`, `kernel_w`,
                        `stride`, `groups`
``attention``           fused, of queries, keys and values, then masks: `batch`, `heads`, `kv_heads`, `q_len`, `kv_len`, `head_dim`,
                        `causal`, `window`, `decoding`, `cached`
``norm``                over each row, `label` its flavour: `rows`, `cols`
``batch_norm``          with fixed statistics
``softmax``             over each row: `rows`, `cols`
``pointwise``           element by element, `label` its function: `flop` an element
``reduce``              many elements to one, `label` its function: `flop` an output element, `last` where rows of the last axis are reduced
``gather``              rows of a table, then their indices: `rows`, `width`, `table_rows`
``view``                other strides over the same bytes; a part of them, or each several times
``permute``             an other order of axes: free where the kernel before or after it can take it in
``concat``              several tensors side by side: free where each is written there at once
``pad``                 free in front of a convolution or a pool
``move``                a copy that nothing avoids
``unknown``             not understood: counted as a copy of all inputs to all outputs, and listed
======================  =======================================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from magnitudes.datatypes import DataType

FLOATS = ("fp64", "fp32", "fp16", "bf16")
ELEMENT_BYTE = {
    "fp64": 8.0, "fp32": 4.0, "fp16": 2.0, "bf16": 2.0, "fp8": 1.0, "fp4": 0.5, "int64": 8.0, "int32": 4.0, "int16": 2.0, "int8": 1.0, "int4": 0.5,
    "int2": 0.25, "bool": 1.0, "complex64": 8.0, "complex128": 16.0, "string": 16.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """What passes between steps.

    Parameters
    ----------
    name : str
    shape : tuple of int
    element : str
        One of `ELEMENT_BYTE`: signed and unsigned are not told apart.
    constant : bool
        Whether it depends on no input: a weight, or what is computed of weights once and for all.
    origins : frozenset of str
        The stored tensors that a constant is made of.
    value : array, optional
        Its elements, where they are known, or what they are for inputs that are full: masks of ones, positions from 0.
    stored : DataType, optional
        The format of a weight that is kept in fewer bits than its element says.
    reader : callable, optional
        What reads the elements of a stored tensor that may be a mask, if it is used as one.
    kept : str
        The element in memory, where whoever reads the tensor widens it.
    """

    name: str
    shape: tuple[int, ...]
    element: str
    constant: bool = False
    origins: frozenset[str] = frozenset()
    value: Any = field(default=None, compare=False, repr=False)
    stored: DataType | None = None
    kept: str = ""
    reader: Callable[[], Any] | None = field(default=None, compare=False, repr=False)

    @property
    def elements(self) -> float:
        return float(math.prod(self.shape))

    def known(self) -> Any:
        """Its elements, read now where they were not; nothing, where they are not known."""
        return self.value if self.value is not None or self.reader is None else self.reader()

    @property
    def in_memory(self) -> str:
        """The element as it lies in memory."""
        return self.kept or self.element

    @property
    def is_float(self) -> bool:
        return self.element in FLOATS


@dataclass(frozen=True, slots=True)
class Step:
    """One node of a traced graph, of one of the kinds above.

    Parameters
    ----------
    name, kind : str
    inputs, outputs : tuple of str
        Names of tensors; the first input is the main one.
    sizes : mapping of str to float
        What the kind needs to know.
    label : str
        What is computed: ``add``, ``gelu``, ``mean``, or the operator's name in its own graph.
    count : float
        How often it runs, inside loops.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sizes: Mapping[str, float] = field(default_factory=dict)
    label: str = ""
    count: float = 1.0

    @property
    def output(self) -> str:
        return self.outputs[0]


@dataclass(frozen=True, slots=True)
class Trace:
    """A graph with all shapes known.

    Parameters
    ----------
    tensors : mapping of str to Tensor
    steps : tuple of Step
        In an order in which each comes after what it reads.
    inputs, outputs : tuple of str
    parameters : mapping of str to float
        Stored weights that the steps use, and the elements of each.
    nodes : int
        Nodes of the graph that do not depend on constants alone.
    assumed : tuple of str
        What had to be assumed, for the reader of the estimate.
    """

    tensors: Mapping[str, Tensor]
    steps: tuple[Step, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: Mapping[str, float]
    nodes: int
    assumed: tuple[str, ...] = ()
