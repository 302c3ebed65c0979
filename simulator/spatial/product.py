"""What an array multiplies: a batch of (m, k) by (k, n), with the bytes of its operands; convolutions are read as such (im2col)."""

from __future__ import annotations

from dataclasses import dataclass

from magnitudes.arrays import Real, total
from magnitudes.datatypes import AnyDataType
from workloads.operator import Contraction, Convolution, GroupedContraction


@dataclass(frozen=True, slots=True)
class Product:
    """`batch` products of (m, k) by (k, n), alike.

    Parameters
    ----------
    a_byte, b_byte, c_byte : Real
        Compulsory traffic of the first operand, of the second, and of all that is read and written at the end; of the whole batch.
    element : DataType
        Format of the arithmetic.
    image_rows, image_columns : Real, optional
        Rows and columns of one image of results, where the first operand is a feature map; one column of `m` rows, if not said.
    filter_rows, filter_columns : Real
        Sides of the filter.
    either : bool
        Whether the array may hold either operand: both are activations.
    """

    batch: Real
    m: Real
    n: Real
    k: Real
    a_byte: Real
    b_byte: Real
    c_byte: Real
    element: AnyDataType
    image_rows: Real | None = None
    image_columns: Real = 1.0
    filter_rows: Real = 1.0
    filter_columns: Real = 1.0
    either: bool = False

    @property
    def flop(self) -> Real:
        """Arithmetic of the batch."""
        return 2.0 * self.batch * self.m * self.n * self.k

    @property
    def byte(self) -> Real:
        """Compulsory traffic."""
        return self.a_byte + self.b_byte + self.c_byte


def product_of(operator: Contraction | GroupedContraction | Convolution) -> Product:
    """An operator as products."""
    first, second, *rest = operator.operands
    a_byte, b_byte, c_byte = first.byte, second.byte, total(o.byte for o in rest)
    if isinstance(operator, Contraction):
        either = operator.b_residency is not operator.b_residency.WEIGHT
        return Product(operator.batch, operator.m, operator.n, operator.k, a_byte, b_byte, c_byte, operator.a, either=either)
    if isinstance(operator, GroupedContraction):
        return Product(operator.active, operator.rows / operator.active, operator.n, operator.k, a_byte, b_byte, c_byte, operator.a)
    c = operator
    return Product(
        c.groups, c.batch * c.out_h * c.out_w, c.cout / c.groups, c.cin / c.groups * c.kernel_h * c.kernel_w, a_byte, b_byte, c_byte, c.a,
        c.out_h, c.out_w, c.kernel_h, c.kernel_w,
    )  # fmt: skip
