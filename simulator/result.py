"""What comes out: an estimate, immutable, with its figures, what it draws, and its tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from magnitudes.arrays import Condition, Real
from simulator.area import chip_area_m2
from simulator.energy import EnergyUse, energy_use
from simulator.figures import Figures
from simulator.power import within_limit
from simulator.tables import design_dict, to_frame

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Estimate(Figures):
    """Time, bound, fit, energy and area of a model on a system; of one design, or a row a design.

    Parameters
    ----------
    model, system, chip : str
        Names of what was asked.
    chips : Real
        Chips that take part.
    scenario : Scenario
    cut : Parallelism
    fidelity : str
        The law that was used: it may be less than what was asked, and then `notes` says so.
    timing : str
        How kernels are started.
    passes : tuple of PassEstimate
        A pass of each kind that the scenario has.
    memory : MemoryUse
        What one chip holds.
    legal : bool or mask
        Whether the degrees of parallelism divide the model and the chips exist.
    notes : tuple of str
        What a reader should know of the law.
    confidence : Confidence, optional
        What intervals are made of.
    """

    @property
    def energy(self) -> EnergyUse:
        """Energy and power on all chips that take part: computed when asked for."""
        return energy_use(self)

    @property
    def energy_j(self) -> Real:
        """Energy of the whole scenario on all chips."""
        return self.energy.energy_j

    @property
    def power_w(self) -> Real:
        """Mean power of all chips together."""
        return self.energy.power_w

    @property
    def j_per_token(self) -> Real:
        """Energy for each token, image or sample."""
        return self.energy.j_per_token

    @property
    def within_tdp(self) -> Condition:
        """Whether the mean power of a chip keeps its limit; true where none is published."""
        return within_limit(self.energy)

    @property
    def area_m2(self) -> Real:
        """Area of the dies of all chips that take part: as published, else from the template of `simulator.area`."""
        assert self.confidence is not None
        return self.chips * chip_area_m2(self.confidence.machines[0].chip)

    def to_frame(self) -> pd.DataFrame:
        """A table with a row a design and a column a figure."""
        return to_frame(self)

    def to_dict(self, design: int = 0) -> dict[str, Any]:
        """One design with the documented keys of ``--json``."""
        return design_dict(self, design)
