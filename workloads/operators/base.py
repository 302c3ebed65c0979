"""What all operators share: operands by what they are, loop nests, and the sums over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from magnitudes.arrays import Real, total
from magnitudes.datatypes import DATA_TYPES, AnyDataType

BF16 = DATA_TYPES["bf16"]


class Residency(StrEnum):
    """What an operand is, which decides where it lives and how soon it is used again."""

    WEIGHT = "weight"
    ACTIVATION = "activation"
    STATE = "state"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Operand:
    """One tensor that an operator reads or writes, in bytes of compulsory traffic."""

    name: str
    byte: Real
    residency: Residency


@dataclass(frozen=True, slots=True)
class LoopNest:
    """The loops of an operator, for mappers: the extent of each dimension, and the dimensions that index each operand."""

    extents: Mapping[str, Real]
    operands: Mapping[str, tuple[str, ...]]
    reductions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """What all operators share.

    Attributes
    ----------
    matrix_flop : Real
        Work that matrix units can do.
    vector_flop : Real
        Work for the vector units.
    operands : tuple of Operand
    nest : LoopNest
    """

    kind: ClassVar[str] = "operator"

    name: str

    @property
    def arithmetic(self) -> AnyDataType:
        """Format in which the operator computes."""
        return BF16

    @property
    def matrix_flop(self) -> Real:
        return 0.0

    @property
    def vector_flop(self) -> Real:
        return 0.0

    @property
    def operands(self) -> tuple[Operand, ...]:
        raise NotImplementedError

    @property
    def nest(self) -> LoopNest:
        raise NotImplementedError

    @property
    def flop(self) -> Real:
        """All arithmetic of one call."""
        return self.matrix_flop + self.vector_flop

    @property
    def byte(self) -> Real:
        """Compulsory traffic of one call."""
        return total(o.byte for o in self.operands)

    def byte_of(self, residency: Residency) -> Real:
        """Compulsory traffic of the operands of one class."""
        return total(o.byte for o in self.operands if o.residency == residency)


Calls = tuple[tuple[Operator, Real], ...]
"""Operators one after another, each with how often it is called."""
