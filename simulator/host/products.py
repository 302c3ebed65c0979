"""Products of matrices on processors: blocks of registers over packed panels (Goto and van de Geijn 2008).

A product of (m, k) by (k, n) takes as long as one of (m + dm, k + dk) by (k + dk, n + dn) would at the full rate: `dm` and `dn` are what
blocks waste at their edges, `dk` what a block of results costs to load and store. Panels are packed into the near caches first.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from magnitudes.arrays import Real, maximum, minimum, total, where
from magnitudes.datatypes import AnyDataType
from simulator.cost import fastest
from simulator.host.library import Constants, entry
from simulator.host.streams import Stream, cores_of, fork_s, overlapped, stream_parts, threads_for
from simulator.machine import Machine
from simulator.reuse import Reuse
from workloads.operator import Contraction, GroupedContraction, Operator, Residency


@dataclass(frozen=True, slots=True)
class Product:
    """`batch` products of (m, k) by (k, n)."""

    batch: Real
    m: Real
    n: Real
    k: Real
    element: AnyDataType

    @property
    def work(self) -> Real:
        """Multiply-adds of one."""
        return self.m * self.n * self.k


def product_cost(product: Product, streams: list[Stream], machine: Machine, row: Constants, memory: Constants) -> tuple[Real, dict[str, Real]]:
    """Time of products without their call, and the parts [s].

    Parameters
    ----------
    row : mapping
        Of a library and data type: ``sustained`` share of the rate, ``dm``, ``dn``, ``dk``;
        ``pack``: cost of packing, in plain readings of the operands;
        ``grain``: multiply-adds that bring in another core; ``fork_s``; ``each_s`` of every product of a batch; ``few_rows``: up to which
        nothing need be packed (a matrix by a vector); ``reach``, ``thin_reach``: how much slower than a plain loop operands come from the tiers, packed or
        not; ``sharpness`` of the overlap; ``over_batch``: whether cores share a batch or each product.
    """
    packed = _way(product, streams, machine, row, memory, packed=True)
    if row["few_rows"] <= 0.0:
        return packed
    thin_s, parts = _way(product, streams, machine, row, memory, packed=False)
    return fastest([packed, (where(product.m <= row["few_rows"], thin_s, inf), parts)])


def _way(product: Product, streams: list[Stream], machine: Machine, row: Constants, memory: Constants, *, packed: bool) -> tuple[Real, dict[str, Real]]:
    """Products with their panels packed first, or read as they lie."""
    shared = row["over_batch"] > 0.0
    threads = threads_for(product.batch * product.work if shared else product.work, row["grain"], machine)
    threads = minimum(threads, maximum(product.batch, 1.0)) if shared else threads
    reach = max(row["reach" if packed else "thin_reach"], 1.0)
    parts = {name: reach * part for name, part in stream_parts(streams, machine, threads, memory).items()}
    rate = machine.matrix_flop_per_s(product.element) * threads / cores_of(machine) * min(row["sustained"], 1.0)
    flop = 2.0 * (product.m + (row["dm"] if packed else 0.0)) * (product.n + row["dn"]) * (product.k + row["dk"])
    parts["matrix"] = product.batch * flop / rate
    reading = stream_parts([s for s in streams if not s.written], machine, threads if shared else cores_of(machine), memory)  # all cores pack
    parts["pack"] = (row["pack"] if packed else 0.0) * total(reading.values())
    starts = product.batch / threads if shared else product.batch
    forks = 1.0 if shared else product.batch
    return overlapped(parts, machine, row["sharpness"]) + starts * row["each_s"] + forks * fork_s(threads, row), parts


def contraction_cost(operator: Operator, machine: Machine, constants: Constants, call_s: Real, reuse: Reuse) -> tuple[Real, dict[str, Real]]:
    """Time of a linear layer or a batched product and its parts [s]."""
    assert isinstance(operator, Contraction)
    batched = operator.b_residency is not Residency.WEIGHT
    row = entry(constants, "batched" if batched else "products", operator.a.name)
    streams = [Stream(o.byte, reuse.distance_byte(o), written=o.residency is Residency.OUTPUT) for o in operator.operands]
    product = Product(operator.batch, operator.m, operator.n, operator.k, operator.a)
    time_s, parts = product_cost(product, streams, machine, row, constants["memory"])
    beside_s = total(e.vector_flop / machine.vector_flop_per_s(e.arithmetic) for e in operator.epilogue)
    return time_s + beside_s + call_s * row["calls"], parts


def grouped_cost(operator: Operator, machine: Machine, constants: Constants, call_s: Real, reuse: Reuse) -> tuple[Real, dict[str, Real]]:
    """Experts one after another: a product each [s]."""
    assert isinstance(operator, GroupedContraction)
    row = entry(constants, "products", operator.a.name)
    streams = [Stream(o.byte, reuse.distance_byte(o), written=o.residency is Residency.OUTPUT) for o in operator.operands]
    product = Product(operator.active, operator.rows / operator.active, operator.n, operator.k, operator.a)
    time_s, parts = product_cost(product, streams, machine, row, constants["memory"])
    return time_s + operator.active * call_s * row["calls"], parts
