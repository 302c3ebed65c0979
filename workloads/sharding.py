"""How a model is cut over chips, and in which formats its numbers are kept."""

from __future__ import annotations

from dataclasses import dataclass

from magnitudes.arrays import Real, as_real
from magnitudes.datatypes import DATA_TYPES, AnyDataType, DataType, DataTypeChoice
from magnitudes.errors import InputError


@dataclass(frozen=True, slots=True)
class Parallelism:
    """Degrees of parallelism.

    Parameters
    ----------
    tp : Real
        Tensor parallelism: heads and inner widths are split, with two all-reduces a layer.
    pp : Real
        Pipeline stages of consecutive layers.
    ep : Real
        Expert parallelism: a mixture's experts are spread over `ep` of the ``tp * dp`` chips of a stage, and what is left of
        them splits each expert's width.
    dp : Real
        Replicas of the attention (and of the whole model where there are no experts), each with its part of the batch.
    microbatches : Real, optional
        Parts into which a batch is cut to fill the pipeline; as many as stages, if not said.
    interleave : Real
        Stretches of layers that each stage has, in turn with the others: filling and draining the pipeline take so many times less.
    """

    tp: Real = 1.0
    pp: Real = 1.0
    ep: Real = 1.0
    dp: Real = 1.0
    microbatches: Real | None = None
    interleave: Real = 1.0

    def __post_init__(self) -> None:
        for name in ("tp", "pp", "ep", "dp"):
            object.__setattr__(self, name, as_real(getattr(self, name)))

    @property
    def chips(self) -> Real:
        """Chips in all."""
        return self.tp * self.pp * self.dp

    @property
    def parts(self) -> Real:
        """Micro-batches in flight."""
        return self.pp if self.microbatches is None else self.microbatches

    @property
    def expert_tp(self) -> Real:
        """Chips over which the width of one expert is split."""
        return self.tp * self.dp / self.ep


@dataclass(frozen=True, slots=True)
class Precision:
    """Data types of weights, of what enters a matrix product, of keys and values, and of the stream between operators."""

    weight: AnyDataType = DATA_TYPES["bf16"]
    activation: AnyDataType = DATA_TYPES["bf16"]
    state: AnyDataType = DATA_TYPES["bf16"]
    stream: AnyDataType = DATA_TYPES["bf16"]


def precision(weight: AnyDataType, activation: AnyDataType | None = None, state: AnyDataType | None = None) -> Precision:
    """The usual formats around weights of one type.

    What enters a matrix product has the weights' type, unless said (16 bits, where weights alone are narrow); norms and residuals stay
    in 16 bits or wider, and so do keys and values.

    Raises
    ------
    InputError
        If a format of weights alone is given to something else.
    """
    stream = _stream(weight)
    for what, element in (("what enters products", activation), ("keys and values", state)):
        alone = [o.name for o in _options(element) if o.weight_only]
        if alone:
            raise InputError(f"{alone[0]} is a format of weights alone, not of {what}; use int8, int4, fp8 or a wider one")
    return Precision(weight, activation or _entering(weight), state or stream, stream)


def _options(element: AnyDataType | None) -> tuple[DataType, ...]:
    """The formats that rows may have."""
    if element is None:
        return ()
    return (element,) if isinstance(element, DataType) else element.options


def _entering(weight: AnyDataType) -> AnyDataType:
    """The format of what meets weights in a product: theirs, or 16 bits where only weights can have it; row by row."""
    if isinstance(weight, DataType):
        return DATA_TYPES["bf16"] if weight.weight_only else weight
    if not any(o.weight_only for o in weight.options):
        return weight
    return DataTypeChoice(tuple(DATA_TYPES["bf16"] if o.weight_only else o for o in weight.options), weight.index)


def _stream(weight: AnyDataType) -> AnyDataType:
    """The format between operators: the weights' own where it is wide enough, else bf16; row by row."""
    if isinstance(weight, DataType):
        return weight if weight.name in ("fp16", "bf16", "fp32", "tf32", "fp64") else DATA_TYPES["bf16"]
    options = tuple(_stream(o) for o in weight.options)
    if all(o is options[0] for o in options):
        return options[0]
    return DataTypeChoice(tuple(o for o in options if isinstance(o, DataType)), weight.index)
