"""Attention on processors: numpy's users write it in seven loops around two batched products; PyTorch has one kernel that keeps scores near."""

from __future__ import annotations

from magnitudes.arrays import Real, maximum, minimum
from simulator.host.library import Constants, entry
from simulator.host.passes import Loop, loop_s
from simulator.host.products import Product, product_cost
from simulator.host.streams import Stream, cores_of, fork_s, overlapped, stream_parts
from simulator.machine import Machine
from simulator.reuse import Reuse
from workloads.operator import Attention, Operator, Residency, Softmax


def attention_cost(operator: Operator, machine: Machine, constants: Constants, call_s: Real, reuse: Reuse) -> tuple[Real, dict[str, Real]]:
    """Time of attention and its parts [s]."""
    assert isinstance(operator, Attention)
    law = _fused if constants["parallel"] > 0.0 else _spelt
    time_s, parts = law(operator, machine, constants, call_s, reuse)
    roof_s = maximum(operator.matrix_flop / machine.matrix_flop_per_s(operator.element), operator.vector_flop / machine.vector_flop_per_s(operator.element))
    return maximum(time_s, roof_s), parts


def _fused(operator: Attention, machine: Machine, constants: Constants, call_s: Real, reuse: Reuse) -> tuple[Real, dict[str, Real]]:
    """Blocks of queries over all keys, dealt to cores: their products and exponentials one after another, in the near caches."""
    row = entry(constants, "attention", operator.element.name)
    blocks = operator.batch * operator.heads * maximum(operator.q_len / row["block"], 1.0)
    threads = minimum(maximum(blocks, 1.0), cores_of(machine))
    share = threads / cores_of(machine)
    streams = [Stream(o.byte, reuse.distance_byte(o), written=o.residency is Residency.OUTPUT) for o in operator.operands]
    parts = {name: maximum(row["reach"], 1.0) * part for name, part in stream_parts(streams, machine, threads, constants["memory"]).items()}
    heads = operator.batch * operator.heads
    # a block that the diagonal cuts is computed whole; queries fewer than a block of registers cost as much as one
    pairs = heads * (operator.pairs / operator.q_len + row["diagonal"]) * (operator.q_len + row["dq"])
    rate = machine.matrix_flop_per_s(operator.element) * share * minimum(row["sustained"], 1.0)
    parts["matrix"] = 4.0 * pairs * (operator.head_dim + row["dd"]) / rate
    parts["vector"] = 2.0 * pairs * row["instructions"] / (machine.vector_flop_per_s(operator.element) * share)
    busy_s = {**{t.name: parts[t.name] for t in machine.tiers}, "cores": parts["matrix"] + parts["vector"]}
    return overlapped(busy_s, machine, row["sharpness"]) + blocks / threads * row["each_s"] + fork_s(threads, constants) + call_s * row["calls"], parts


def _spelt(operator: Attention, machine: Machine, constants: Constants, call_s: Real, reuse: Reuse) -> tuple[Real, dict[str, Real]]:
    """Scores of all pairs written out, causal or not; heads that share keys are rows of one product."""
    from simulator.host.rows import row_cost

    batch, rows = operator.batch * operator.kv_heads, operator.heads / operator.kv_heads * operator.q_len
    element, memory = operator.element, constants["memory"]
    score_byte = batch * rows * operator.kv_len * element.byte
    by_name = {o.name: Stream(o.byte, reuse.distance_byte(o), written=o.name == "o") for o in operator.operands}
    row = entry(constants, "attention", element.name)
    fresh = Stream(score_byte, reuse.distance_byte(operator.operands[0]), written=True)
    again = back = Stream(score_byte, 2.0 * score_byte)  # in place
    first_s, first = product_cost(Product(batch, rows, operator.kv_len, operator.head_dim, element), [by_name["q"], by_name["k"], fresh], machine, row, memory)
    last_s, last = product_cost(Product(batch, rows, operator.head_dim, operator.kv_len, element), [again, by_name["v"], by_name["o"]], machine, row, memory)
    elements = batch * rows * operator.kv_len
    masked = minimum(maximum(operator.q_len - 1.0, 0.0), 1.0)  # one query sees every key
    passes_s = (1.0 + masked) * loop_s(Loop("addu", elements, (again, back)), machine, element, 1.0, constants)
    softmax = Softmax(name="softmax", rows=batch * rows, cols=operator.kv_len, element=element)
    softmax_s, third = row_cost(softmax, machine, constants, call_s, _Near(2.0 * score_byte))
    parts = {name: first[name] + last[name] + third.get(name, 0.0) for name in first} | {"vector": passes_s + third["vector"]}
    return first_s + last_s + passes_s + softmax_s + call_s * row["calls"], parts


class _Near(Reuse):
    """Everything was touched the same number of bytes ago."""

    def __init__(self, distance_byte: Real) -> None:
        super().__init__(distance_byte, distance_byte, distance_byte)

    def distance_byte(self, operand: object) -> Real:
        return self.weight_byte
