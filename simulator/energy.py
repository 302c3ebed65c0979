"""Energy: what each action takes, times how often it is done; and what a chip draws while it only waits.

Prices are those of `simulator.prices`. Static draw is the idle power, of GPUs that of clocks and leakage while kernels run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hardware_specs.schema import KernelEngine
from magnitudes.arrays import Real, maximum, minimum, total
from simulator.energy_tables import components
from simulator.figures import Figures
from simulator.machine import Machine
from simulator.prices import cost_energy


def static_w(machine: Machine) -> Real:
    """What a chip draws without doing anything that is counted: its idle power, of GPUs their clocks and leakage while kernels run [W].

    Zero where neither idle power nor a power limit is published.
    """
    chip = machine.chip
    share: dict[str, float] = components()["static"]
    if isinstance(machine.engine, KernelEngine) and chip.tdp_w is not None:
        return share["kernel"] * chip.tdp_w
    if chip.idle_w is not None:
        return chip.idle_w
    return 0.0 if chip.tdp_w is None else share["idle"] * chip.tdp_w


@dataclass(frozen=True, slots=True)
class EnergyUse:
    """Energy of a scenario on all chips that take part.

    Parameters
    ----------
    operators : tuple of mapping
        Energy of one call of each operator by part, in the order of `Estimate.costs` [J].
    parts : mapping of str to Real
        Energy of all calls on all chips, by part; ``static`` is what chips draw while it lasts [J].
    time_s : Real
    tokens : Real
        That come out of it, or go into it where none come out; images and samples for models of those.
    chips : Real
    tdp_w : Real, optional
        Power limit of a chip.
    """

    operators: tuple[Mapping[str, Real], ...]
    parts: Mapping[str, Real]
    time_s: Real
    tokens: Real
    chips: Real
    tdp_w: Real | None

    @property
    def energy_j(self) -> Real:
        """All of it."""
        return total(self.parts.values())

    @property
    def power_w(self) -> Real:
        """Mean power of all chips together."""
        return self.energy_j / self.time_s

    @property
    def chip_power_w(self) -> Real:
        """Mean power of one chip."""
        return self.power_w / self.chips

    @property
    def j_per_token(self) -> Real:
        """Energy for each token."""
        return self.energy_j / self.tokens


def energy_use(estimate: Figures) -> EnergyUse:
    """The energy of an estimate: of one design, or a row a design.

    Raises
    ------
    ValueError
        If the estimate does not know its machines.
    """
    if estimate.confidence is None:
        raise ValueError("an estimate without its machines has no energy: make it with simulator.estimate.estimate")
    machines = estimate.confidence.machines
    cut = estimate.cut
    operators: list[dict[str, Real]] = []
    parts: dict[str, Real] = {}
    for p in estimate.passes:
        sequences = maximum(total(g.batch for g in p.run.groups), 1.0)
        copies = cut.tp * minimum(cut.dp * cut.parts, sequences)  # a stage's operators run on its own chips, once for each micro-batch that there is
        for cost in p.costs:
            own = cost_energy(cost, machines)
            operators.append(own)
            for name, j in own.items():
                parts[name] = parts.get(name, 0.0) + copies * cost.count * p.run.repeats * j
    parts["static"] = static_w(machines[0]) * estimate.time_s * estimate.chips
    tokens = estimate.throughput_token_per_s * estimate.time_s
    return EnergyUse(tuple(operators), parts, estimate.time_s, tokens, estimate.chips, machines[0].chip.tdp_w)
