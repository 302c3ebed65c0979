"""Data types: how many bytes an element takes, with its share of the scales stored beside it.

Formats and group sizes: IEEE 754 for fp16 to fp64; OCP 8-bit floating point (2023) for fp8; OCP Microscaling v1.0 (2023) for
mxfp8, mxfp6 and mxfp4 (one 8-bit scale per 32 elements); nvfp4 has an 8-bit scale per 16 elements (NVIDIA Blackwell
documentation). int4 carries one fp16 scale per 128 elements, the usual group of GPTQ and AWQ weights. fp8_block has one
fp32 scale per 128 x 128 weights (DeepSeek-V3 report, section 3.3).

Formats of weights alone, which are widened to 16 bits on their way to the products: w8a16 and w4a16 with an fp16 scale per 128 (LLM.int8(),
arXiv 2208.07339, and AWQ, arXiv 2306.00978: 4-bit zero points beside the scales); w2a16 likewise with 2-bit zero points (OmniQuant, arXiv
2308.13137, W2A16g128); ternary weights, five of which fit a byte (BitNet b1.58, arXiv 2402.17764); w1a16, signs alone (BitNet, arXiv
2310.11453); w0.8a16, compressed below one bit (QMoE, arXiv 2310.16795: 0.8 bits a weight); vq0.8a16, signs in vectors of 20 by 16-bit
places in a codebook of their own for a matrix (BTC-LLM, arXiv 2506.12040: 0.7 to 1.11 bits; vectors of 20 and places
of 16 bits are not checked in the paper, but chosen for 0.8 bits), whose 2**16 x 20 bits are shared by 4096 x 4096 weights, with an fp16 scale a row of 4096.

Widening weights costs instructions of the vector units (`widen_ops`, a thread's instructions an element), counted from the published kernels:

- 4 bits (Marlin, arXiv 2408.11743, `dequant` and `scale` in its marlin_cuda_kernel.cu; Kim et al., arXiv 2211.10017): a word of 8 needs 4 LOP3,
  1 shift, 2 half2 subtractions and 2 half2 fused multiply-adds to put the values in place, and 4 half2 products with the scale: 13 / 8; zero points
  take 4 half2 subtractions more: 17 / 8.

The rest is counted from what a conversion must do, and not checked in kernels:

- 8 bits: a word of 4 needs 2 PRMT, 2 half2 subtractions, 2 half2 products: 6 / 4. 2 bits: as 4 bits, with a third of a shift a pair: 17 / 8.
- ternary and binary: a table's or a mask's pair of values a LOP3 and a product: 2 / 2 an element, ternary with one to unpack base three.
- below a bit: a look-up in shared memory of a vector (an index, a load for 16 signs), then as binary; QMoE decodes word by word alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from magnitudes.arrays import Real, as_real, choose
from magnitudes.names import NameMiss, nearest


@dataclass(frozen=True, slots=True)
class DataType:
    """How numbers of one format are stored and computed.

    Parameters
    ----------
    name : str
    bits : Real
        Stored bits an element.
    scale_bits, group : Real
        Bits of the scale (and zero point) that `group` elements share.
    computes_as : tuple of str
        Formats whose arithmetic serves this one, best first: the first that an engine has a rate for is used.
    weight_only : bool
        Whether it is a format of stored weights alone: products are made in 16 bits.
    widen_ops : Real
        Instructions of a thread that widening an element takes.
    structured : bool
        Whether two of four elements are zero, so that sparse matrix units leave them out.
    """

    name: str
    bits: Real
    scale_bits: Real = 0.0
    group: Real = 1.0
    computes_as: tuple[str, ...] = ()
    weight_only: bool = False
    widen_ops: Real = 0.0
    structured: bool = False

    @property
    def byte(self) -> Real:
        """Bytes an element, its share of the scale included."""
        return (self.bits + self.scale_bits / self.group) / 8.0


_WIDE = ("fp16", "bf16", "tf32", "fp32")
DATA_TYPES = {
    t.name: t
    for t in (
        DataType("fp64", 64.0, computes_as=("fp64",)),
        DataType("fp32", 32.0, computes_as=("fp32",)),
        DataType("tf32", 32.0, computes_as=("tf32", "fp32")),
        DataType("bf16", 16.0, computes_as=("bf16", *_WIDE)),
        DataType("fp16", 16.0, computes_as=("fp16", "bf16", "tf32", "fp32")),
        DataType("fp8", 8.0, computes_as=("fp8", "bf16", *_WIDE)),
        DataType("fp8_block", 8.0, 32.0, 128.0 * 128.0, computes_as=("fp8", "bf16", *_WIDE)),
        DataType("mxfp8", 8.0, 8.0, 32.0, computes_as=("fp8", "bf16", *_WIDE)),
        DataType("mxfp6", 6.0, 8.0, 32.0, computes_as=("fp6", "fp8", "bf16", *_WIDE)),
        DataType("mxfp4", 4.0, 8.0, 32.0, computes_as=("fp4", "fp8", "bf16", *_WIDE)),
        DataType("nvfp4", 4.0, 8.0, 16.0, computes_as=("fp4", "fp8", "bf16", *_WIDE)),
        DataType("int8", 8.0, computes_as=("int8", "bf16", *_WIDE)),
        DataType("int4", 4.0, 16.0, 128.0, computes_as=("int4", "int8", "bf16", *_WIDE)),
        DataType("w8a16", 8.0, 16.0, 128.0, computes_as=("bf16", *_WIDE), weight_only=True, widen_ops=6.0 / 4.0),
        DataType("w4a16", 4.0, 16.0 + 4.0, 128.0, computes_as=("bf16", *_WIDE), weight_only=True, widen_ops=17.0 / 8.0),
        DataType("w2a16", 2.0, 16.0 + 2.0, 128.0, computes_as=("bf16", *_WIDE), weight_only=True, widen_ops=17.0 / 8.0),
        DataType("ternary", 8.0 / 5.0, computes_as=("bf16", *_WIDE), weight_only=True, widen_ops=1.5),
        DataType("w1a16", 1.0, computes_as=("bf16", *_WIDE), weight_only=True, widen_ops=1.0),
        DataType("w0.8a16", 0.8, computes_as=("bf16", *_WIDE), weight_only=True, widen_ops=1.25),
        DataType("vq0.8a16", 16.0 / 20.0 + 16.0 / 4096.0, 2.0**16 * 20.0, 4096.0**2, computes_as=("bf16", *_WIDE), weight_only=True, widen_ops=1.25),
        DataType("int32", 32.0, computes_as=("int32", "fp32")),
    )
}
ALIASES = {
    "float32": "fp32", "float": "fp32", "float16": "fp16", "half": "fp16", "bfloat16": "bf16", "float64": "fp64", "double": "fp64",
    "e4m3": "fp8", "fp8_e4m3": "fp8", "float8_e4m3fn": "fp8", "fp4": "nvfp4", "w8a8": "int8", "awq": "w4a16", "gptq": "w4a16", "w1.58a16": "ternary",
    "binary": "w1a16", "int1": "w1a16", "sub-1-bit": "vq0.8a16", "sub1bit": "vq0.8a16", "w0.8": "w0.8a16",
}  # fmt: skip


def data_type(name: str) -> DataType:
    """The data type of that name.

    Raises
    ------
    NameMiss
        With the near match and all names, if there is none.
    """
    key = ALIASES.get(name.lower(), name.lower())
    if key not in DATA_TYPES:
        raise NameMiss("data type", name, nearest(name, [*DATA_TYPES, *ALIASES]), f"(known: {', '.join(DATA_TYPES)})")
    return DATA_TYPES[key]


@dataclass(frozen=True, slots=True)
class DataTypeChoice:
    """A data type that differs between designs: `index` says which of `options` each row has."""

    options: tuple[DataType, ...]
    index: Real
    byte: Real = field(init=False)  # bytes an element, row by row

    def __post_init__(self) -> None:
        object.__setattr__(self, "byte", choose(self.index, [o.byte for o in self.options]))

    @property
    def name(self) -> str:
        return "|".join(o.name for o in self.options)


AnyDataType = DataType | DataTypeChoice


def by_format(element: AnyDataType, figure: Callable[[DataType], Real]) -> Real:
    """A figure that depends on the format: the row's own where the format differs between designs."""
    if isinstance(element, DataType):
        return figure(element)
    figures = [figure(o) for o in element.options]
    if all(isinstance(f, float) and f == figures[0] for f in figures):
        return figures[0]
    return choose(element.index, figures)


def is_narrow(element: DataType) -> bool:
    """Whether an element takes one byte or less."""
    return isinstance(element.bits, float) and element.bits <= 8.0


def data_type_choice(names: Sequence[str], index: object) -> DataTypeChoice:
    """Rows that each take one of several data types."""
    return DataTypeChoice(tuple(data_type(n) for n in names), as_real(index))
