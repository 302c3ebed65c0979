"""Recurrences as rows of a table: layers of recurrent networks, and scans of state-space models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workloads.operator import Calls, Contraction, Elementwise, Operator, Scan

if TYPE_CHECKING:
    from magnitudes.arrays import Real
    from simulator.validation.rows import Rows

GATE_FLOP = 20.0  # of one element of a gate: a tanh or a sigmoid, some twenty instructions
GATES = {"rnn": 1.0, "gru": 3.0, "lstm": 4.0}


def recurrent_layer(rows: Rows, *, gates: float) -> Calls:
    """One layer over a sequence: the inputs of all steps in one product, then step by step the state's product and the gates.

    Appleyard, Kocisky and Blunsom, "Optimizing Performance of Recurrent Neural Networks on GPUs" (arXiv 1604.01946): gates share a product, and products
    of the input, which wait for nobody, are taken together.
    """
    f, batch, steps, hidden = rows.formats, rows["batch"], rows.column("seq"), rows["hidden"]

    def product(name: str, m: Real, k: Real) -> Operator:
        return Contraction(name=name, m=m, n=gates * hidden, k=k, a=f.a, b=f.b, c=f.c)

    gate = Elementwise(name="gates", elements=batch * hidden, reads=2.0 * gates, flop_per_element=GATE_FLOP * gates, element=f.c, output=f.c)
    return (
        (product("inputs", batch * steps, rows["inputs"]), 1.0),
        (product("state", batch, hidden), steps),
        (gate, steps),
    )


def selective_scan(rows: Rows) -> Calls:
    """A scan along the sequence, each channel with a state."""
    scan = Scan(
        name=rows.op, batch=rows["batch"], length=rows["seq"], channels=rows["channels"], state_dim=rows["state_dim"], element=rows.formats.a,
    )  # fmt: skip
    return ((scan, 1.0),)
