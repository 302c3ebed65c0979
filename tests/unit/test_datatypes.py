"""Data types: bytes an element with its share of the scales, spellings, and types that differ between rows."""

from __future__ import annotations

import numpy as np
import pytest

from magnitudes.datatypes import ALIASES, DATA_TYPES, DataType, data_type, data_type_choice
from magnitudes.names import NameMiss


@pytest.mark.parametrize(
    ("name", "byte"),
    [
        ("fp64", 8), ("fp32", 4), ("tf32", 4), ("bf16", 2), ("fp16", 2), ("fp8", 1), ("int8", 1), ("int32", 4),
        ("mxfp8", (8 + 8 / 32) / 8), ("mxfp6", (6 + 8 / 32) / 8), ("mxfp4", (4 + 8 / 32) / 8),  # OCP: an 8-bit scale on 32 elements
        ("nvfp4", (4 + 8 / 16) / 8),  # an 8-bit scale on 16
        ("int4", (4 + 16 / 128) / 8),  # an fp16 scale on 128
        ("w8a16", (8 + 16 / 128) / 8), ("w4a16", (4 + 20 / 128) / 8), ("w2a16", (2 + 18 / 128) / 8),  # fp16 scales and zero points on 128
        ("vq0.8a16", (16 / 20 + 16 / 4096 + 2**16 * 20 / 4096**2) / 8),  # 16 bits a vector of 20, scales of rows, a codebook a matrix
        ("ternary", 1 / 5), ("w1a16", 1 / 8), ("w0.8a16", 0.1),
        ("fp8_block", (8 + 32 / 128**2) / 8),  # an fp32 scale on 128 x 128
    ],
)  # fmt: skip
def test_bytes_an_element(name: str, byte: float) -> None:
    assert data_type(name).byte == byte


def test_all_types_are_listed_above() -> None:
    assert len(DATA_TYPES) == 21


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_aliases_lead_to_types(alias: str, name: str) -> None:
    assert data_type(alias) is DATA_TYPES[name]
    assert data_type(alias.upper()) is DATA_TYPES[name]


@pytest.mark.parametrize("kind", DATA_TYPES.values(), ids=lambda t: t.name)
def test_arithmetic_ends_in_a_format_that_every_chip_has(kind: DataType) -> None:
    """The last resort of every type is fp32 (or its own 64 bits): no type is left without arithmetic."""
    assert kind.computes_as[-1] in ("fp32", "fp64")
    assert len(set(kind.computes_as) - {kind.name}) >= len(kind.computes_as) - 2


def test_a_miss_names_the_near() -> None:
    with pytest.raises(NameMiss, match=r"unknown data type 'bf61'; did you mean .*bf16.* \(known: fp64, .*vq0.8a16"):
        data_type("bf61")


def test_a_choice_is_one_type_a_row() -> None:
    choice = data_type_choice(["bf16", "fp8", "nvfp4"], [0, 2, 1, 0])
    assert np.array_equal(choice.byte, [2, 4.5 / 8, 1, 2])  # type: ignore[arg-type]
    assert choice.name == "bf16|fp8|nvfp4"


def test_a_choice_of_one_row_is_a_float() -> None:
    assert data_type_choice(["bf16", "fp8"], 1).byte == 1.0
