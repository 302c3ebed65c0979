"""Names of data types in measured tables, and what they mean for the two inputs and the output of an operator."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from magnitudes.datatypes import ALIASES, DATA_TYPES, DataType, data_type
from magnitudes.names import NameMiss, nearest

# Half-precision tensors, single-precision arithmetic: what GPUs without half-precision units of use offer.
FP16_STORED = DataType("fp16_stored", 16.0, computes_as=("fp32",))


@dataclass(frozen=True, slots=True)
class Formats:
    """Formats of activations, weights and results."""

    a: DataType
    b: DataType
    c: DataType


def _formats(a: str, b: str, c: str) -> Formats:
    return Formats(DATA_TYPES[a], DATA_TYPES[b], DATA_TYPES[c])


NAMED = {
    "fp8": _formats("fp8", "fp8", "bf16"),
    "fp8_block": _formats("fp8_block", "fp8_block", "bf16"),
    "mxfp8": _formats("mxfp8", "mxfp8", "bf16"),
    "nvfp4": _formats("nvfp4", "nvfp4", "bf16"),
    "mxfp4": _formats("mxfp4", "mxfp4", "bf16"),
    "int8": _formats("int8", "int8", "bf16"),
    "int8_wo": _formats("bf16", "int8", "bf16"),
    "int4_wo": _formats("bf16", "int4", "bf16"),
    "w4a16": _formats("bf16", "int4", "bf16"),
    "w4a16_mxfp4": _formats("bf16", "mxfp4", "bf16"),
    "w4a8_mxfp4_mxfp8": _formats("mxfp8", "mxfp4", "bf16"),
    "w4afp8": _formats("fp8", "int4", "bf16"),
    "fp16_acc32": _formats("fp16", "fp16", "fp16"),
    "fp16_storage_fp32_math": Formats(FP16_STORED, FP16_STORED, FP16_STORED),
}
WIDE = ("fp64", "fp32", "tf32", "bf16", "fp16")


@cache
def formats_of(name: str) -> Formats | None:
    """Formats of an operator whose table says `name`; None where nobody knows it."""
    key = re.sub(r"[\s-]+", "_", name.lower().removeprefix("torch.").removeprefix("dtype."))
    if key in NAMED:
        return NAMED[key]
    try:
        plain = data_type(key)
    except NameMiss:
        return None
    if plain.name in NAMED:
        return NAMED[plain.name]
    return Formats(plain, plain, plain)


def unknown_format(name: str) -> str:
    """What to say of a data type that nobody knows."""
    near = nearest(name, [*NAMED, *DATA_TYPES, *ALIASES], 1)
    return f"unknown data type {name!r}" + (f"; did you mean {near[0]}?" if near else "")


def width_class(name: str) -> str:
    """``fp32``, ``16bit`` or ``narrow``, by what is multiplied: classes of operators are scored apart."""
    formats = formats_of(name)
    if formats is None:
        return ""
    bits = formats.a.bits
    assert isinstance(bits, float)
    if name == "fp16_storage_fp32_math" or bits >= 32.0:
        return "fp32"
    return "16bit" if bits == 16.0 else "narrow"
