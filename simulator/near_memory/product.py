"""Matrices that stay in the banks: each unit streams its share past the vectors that are broadcast to all.

A product of (m, k) by (k, n) is `n` outputs of depth `k`; each turn of the columns serves as many of the `m` vectors as a unit takes at
once, and each reading of them as many as meet a column while it is held. Outputs are cut along their depth where that balances the units better; the
companion adds the parts up. In, stream and out follow each other: commands of one channel share one bus.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware_specs.schema import NearMemoryEngine
from magnitudes.arrays import Real
from simulator.cost import fastest
from simulator.machine import Machine
from simulator.near_memory.bus import broadcast_s, read_out_s
from simulator.near_memory.layout import COLUMNS, ROWS, matrix_share, turns_and_reads
from simulator.near_memory.timeline import exposed_s, interval_s
from workloads.operator import Contraction, Convolution, GroupedContraction, Residency

CUTS = (1.0, 2.0, 4.0, 8.0, 16.0)  # parts of an output along its depth


@dataclass(frozen=True, slots=True)
class Stored:
    """A product as units see it.

    Parameters
    ----------
    matrices : Real
        Stored matrices that lie beside each other.
    vectors : Real
        Vectors that meet each of them.
    outputs, depth : Real
        Of one matrix.
    stored_byte, vector_byte, output_byte : Real
        Bytes an element of the matrix, of what comes in and of what goes out.
    arrives : bool
        Whether the matrix itself comes over the bus first: a product of two activations.
    fused_flop : Real
        Arithmetic behind the product, on the companion.
    drawn : bool
        Whether the matrices are experts, each with as many vectors as chance sends it; `vectors` is the mean.
    """

    matrices: Real
    vectors: Real
    outputs: Real
    depth: Real
    stored_byte: Real
    vector_byte: Real
    output_byte: Real
    arrives: bool
    fused_flop: Real
    drawn: bool = False


def stored(operator: Contraction | GroupedContraction | Convolution) -> Stored:
    """Any product as stored matrices: experts side by side; a convolution with its windows as vectors (im2col)."""
    a, b, c = operator.a.byte, operator.b.byte, operator.c.byte
    if isinstance(operator, GroupedContraction):
        return Stored(operator.active, operator.rows / operator.active, operator.n, operator.k, b, a, c, False, 0.0, drawn=True)
    if isinstance(operator, Convolution):
        windows, depth = operator.batch * operator.out_h * operator.out_w, operator.cin / operator.groups * operator.kernel_h * operator.kernel_w
        return Stored(operator.groups, windows, operator.cout / operator.groups, depth, b, a, c, False, operator.vector_flop)
    arrives = operator.b_residency is not Residency.WEIGHT and operator.b_residency is not Residency.STATE
    return Stored(operator.batch, operator.m, operator.n, operator.k, b, a, c, arrives, operator.vector_flop)


def product_parts(operator: Contraction | GroupedContraction | Convolution, engine: NearMemoryEngine, machine: Machine) -> dict[str, Real]:
    """What banks, row switches, bus and companion each take of a product, one after another [s], and the commands of the fullest unit."""
    product = stored(operator)
    ways = []
    for cut in CUTS:
        parts = _parts(product, cut, engine, machine)
        ways.append((parts["bank"] + parts["activate"] + parts["bus"], parts))
    parts = fastest(ways)[1]
    if not (isinstance(product.fused_flop, float) and product.fused_flop == 0.0):
        parts["companion"] = product.fused_flop / machine.vector_flop_per_s(operator.arithmetic)
    return parts


def _parts(product: Stored, cut: float, engine: NearMemoryEngine, machine: Machine) -> dict[str, Real]:
    """One way to cut it."""
    turns, reads = turns_and_reads(product.vectors, engine, drawn=product.drawn)
    share = matrix_share(product.matrices * product.outputs, product.depth, product.stored_byte, cut, engine)
    all_vectors = product.matrices * product.vectors
    bus_s = broadcast_s(all_vectors * product.depth * product.vector_byte, engine, machine)
    bus_s = bus_s + read_out_s(all_vectors * product.outputs * product.output_byte * cut, engine, machine)
    if product.arrives:
        bus_s = bus_s + read_out_s(product.matrices * product.outputs * product.depth * product.stored_byte, engine, machine)
    columns, rows = reads * share.columns, reads * share.rows
    return {"bank": turns * share.columns * interval_s(engine), "activate": rows * exposed_s(engine), "bus": bus_s, COLUMNS: columns, ROWS: rows}
