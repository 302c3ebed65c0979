"""Attention beside flash: keys and values are read page by page on the drive's own channels; only queries and results cross its port.

A page holds the keys, or the values, of some tokens of one head: 16 tokens of a head of 128 in 16 bits fill 4 KB. Dense attention reads every page.
Sparse attention (Ribar et al., SparQ, ICML 2024; Pan et al., InstInfer, arXiv 2409.04992, section 4) first reads a share of the elements of all
keys to rank the tokens, then the pages that hold the keys and values of those that it keeps: every page that has one of them.
"""

from __future__ import annotations

from hardware_specs.schema import NearMemoryEngine
from magnitudes.arrays import Real, ceil, clip, largest, maximum
from simulator.machine import Machine
from simulator.roofline import roofs
from workloads.operator import Attention, Residency


def page_tokens(head_dim: Real, element_byte: Real, page_byte: Real) -> Real:
    """Tokens of one head in a page; a head that is wider than a page takes several for one token."""
    return page_byte / (head_dim * element_byte)


def dense_byte(operator: Attention, page_byte: Real) -> Real:
    """Bytes of the pages that hold all keys and values that are read."""
    pages = ceil(operator.kv_read_len / page_tokens(operator.kv_dim / 2.0, operator.state.byte, page_byte))
    return 2.0 * operator.batch * operator.kv_heads * pages * page_byte


def touched_share(kept: Real, tokens: Real, clustering: Real = 0.0) -> Real:
    """Share of the pages that hold a kept token.

    Parameters
    ----------
    kept : Real
        Share of the tokens that are kept.
    tokens : Real
        Tokens in a page.
    clustering : Real
        0 where kept tokens lie anywhere, each page having one with probability ``1 - (1 - kept) ** tokens``; 1 where they fill whole pages.
    """
    scattered = 1.0 - (1.0 - clip(kept, 0.0, 1.0)) ** maximum(tokens, 1.0)
    return scattered + clustering * (kept - scattered)


def sparse_share(kept: Real, tokens: Real, clustering: Real = 0.0) -> Real:
    """Bytes that sparse attention reads over those of dense: a `kept` share of every key, then both keys and values of the touched pages."""
    return (kept + 2.0 * touched_share(kept, tokens, clustering)) / 2.0


def attention_parts(operator: Attention, engine: NearMemoryEngine, machine: Machine) -> tuple[Real, dict[str, Real]]:
    """Time of dense attention on a drive's engine, and what flash, engine and port take of it [s]. They overlap, head by head."""
    moved = operator.byte_of(Residency.ACTIVATION) + operator.byte_of(Residency.OUTPUT)
    flash_s = dense_byte(operator, engine.row_byte) / machine.memory.bandwidth_byte_per_s
    floor = roofs(operator, machine)
    parts = {
        "flash": maximum(flash_s, floor[machine.memory.name]),
        "engine": operator.matrix_flop / machine.matrix_flop_per_s(operator.arithmetic),
        "port": moved / (engine.bus_byte_per_s if engine.bus_byte_per_s is not None else machine.memory.bandwidth_byte_per_s),
    }
    return largest(parts.values()), parts
