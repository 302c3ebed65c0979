"""Energy of a table's rows, where times are held against measurements elsewhere: the same operators, counted by what they make the machine do."""

from __future__ import annotations

import numpy as np

from magnitudes.arrays import Column, total
from simulator.machine import machine_of
from simulator.prices import operator_energy
from simulator.validation.prediction import batches_of, system_of_rows
from simulator.validation.tidy import Table


def energies_of(table: Table) -> Column:
    """Energy of each row in the table's order, on one chip and without static draw [J]."""
    energies = np.zeros(len(table.frame))
    place = {row: i for i, row in enumerate(table.frame.index)}
    for batch in batches_of(table):
        machine = machine_of(system_of_rows(batch.key["device"], batch.key["ranks_per_node"]))
        library = batch.key["kernel"] or batch.key["library"]
        j = sum((np.asarray(count * total(operator_energy(o, machine, library).values())) for o, count in batch.calls), np.zeros(len(batch.index)))
        energies[[place[r] for r in batch.index]] = j
    return energies
