"""A question: a model on a system in a scenario, and what may vary between designs.

The question is compiled once; then designs are columns. Any number may vary, by its path:

- hardware as `hardware_specs.fields` spells it (``hbm.bandwidth``, ``tdp``, ``sm.matrix.bf16``), or with ``:factor`` behind it to
  multiply what the spec says (``sm.matrix:factor`` scales all formats together);
- the scenario (``batch``, ``context``, ``prompt``, ``output``, ...), the parallelism (``tp``, ``pp``, ``ep``, ``dp``);
- the data type: ``dtype`` is a row's place in `data_types`; the share of zeros among the weights, ``sparsity``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from hardware_specs.fields import field_values, scaled, with_values
from hardware_specs.schema import System
from magnitudes.arrays import Column, Real
from magnitudes.datatypes import data_type, data_type_choice
from magnitudes.names import NameMiss, check_known, nearest
from magnitudes.program import Program, compiled
from magnitudes.sparsity import sparse
from magnitudes.symbol import Formula
from simulator.estimate import estimate
from simulator.feasibility import check_degree, check_size
from simulator.offload.choice import Offload
from simulator.result import Estimate
from workloads.model import Model
from workloads.scenario import Scenario
from workloads.sharding import Parallelism, Precision, precision

FACTOR = ":factor"
DTYPE = "dtype"
SPARSITY = "sparsity"
OUTPUTS = (
    "time_s", "ttft_s", "tpot_s", "throughput_token_per_s", "memory_byte", "fits", "feasible", "energy_j", "power_w", "j_per_token", "within_tdp", "area_m2",
    "mfu", "hfu",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, with everything that does not vary.

    Parameters
    ----------
    model : Model
    system : System
    scenario : Scenario
    cut : Parallelism
        Degrees of parallelism.
    fidelity, timing, spill
        As in `simulator.estimate.estimate`.
    data_types : tuple of str
        Formats that a row's ``dtype`` picks from; the first is used where ``dtype`` does not vary.
    sparsity : str or float, optional
        Zeros among the weights, as in `magnitudes.sparsity.sparse`; a share may vary as ``sparsity``.
    correction : bool
        Whether the learned correction is applied on top of the tile law's physics.
    coprocess : bool
        Whether two engines of a chip may share the experts or heads of an operator.
    overlap : bool
        Whether the sums behind a product are exchanged while it is computed.
    offload : Offload, optional
        Which weights and caches lie behind main memory.
    activation_dtype, kv_dtype : str, optional
        Formats of what enters matrix products and of keys and values, where they do not follow from the weights'.
    """

    model: Model
    system: System
    scenario: Scenario
    cut: Parallelism = field(default_factory=Parallelism)
    data_types: tuple[str, ...] = ("bf16",)
    fidelity: str = "tile"
    timing: str = "graph"
    spill: bool = False
    correction: bool = True
    coprocess: bool = True
    overlap: bool = False
    offload: Offload | None = None
    sparsity: Any = None
    activation_dtype: str | None = None
    kv_dtype: str | None = None

    def estimate(self, design: Mapping[str, Any]) -> Estimate:
        """The estimate of a design (or of columns of designs): values by path.

        Raises
        ------
        NameMiss
            If a path does not exist.
        """
        _, scenario, cut, index = self._sorted(design)
        return estimate(
            self.model,
            self.machine(design),
            replace(self.scenario, **scenario),
            replace(self.cut, **cut),
            self._formats(index, design.get(SPARSITY)),
            fidelity=self.fidelity,
            timing=self.timing,
            spill=self.spill,
            offload=self.offload,
            correction=self.correction,
            coprocess=self.coprocess,
            overlap=self.overlap,
        )

    def machine(self, design: Mapping[str, Any]) -> System:
        """The system with the hardware numbers of a design (or of columns of designs).

        Raises
        ------
        NameMiss
            If a path does not exist.
        """
        hardware = self._sorted(design)[0]
        factors = {path.removesuffix(FACTOR): v for path, v in hardware.items() if path.endswith(FACTOR)}
        values = {path: v for path, v in hardware.items() if not path.endswith(FACTOR)}
        return scaled(with_values(self.system, values), factors)

    def check(self, path: str, values: Column) -> None:
        """Refuse values of a path for which an estimate would be refused.

        Raises
        ------
        InputError
            Naming the value and its range; if the path does not exist.
        """
        hardware, sizes, degrees, _ = self._sorted({path: values})
        for name, value in sizes.items():
            check_size(name, value)
        for name, value in degrees.items():
            check_degree(name, value)
        if hardware:
            self.machine({path: values})

    def compiled(self, varying: tuple[str, ...], outputs: tuple[str, ...] = ("time_s", "feasible")) -> Program:
        """The question as a program over columns.

        Parameters
        ----------
        varying : tuple of str
            Paths that differ between designs: the program's inputs.
        outputs : tuple of str
            Out of `OUTPUTS`.

        Raises
        ------
        NameMiss
            If a path or an output does not exist.
        """
        formula = Formula()
        result = self.estimate({path: formula.input(path) for path in varying})
        return compiled(formula, {name: output_of(result, name) for name in outputs})

    def _sorted(self, design: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], Any]:
        """A design's values by whom they concern: hardware, scenario, parallelism, data type."""
        of_scenario = {f.name for f in fields(self.scenario)}
        of_cut = {f.name for f in fields(self.cut)}
        hardware, scenario, cut = {}, {}, {}
        for path, value in design.items():
            if path in (DTYPE, SPARSITY):
                continue
            if path in of_scenario:
                scenario[path] = value
            elif path in of_cut:
                cut[path] = value
            elif "." in path or path.removesuffix(FACTOR) in field_values(self.system):
                hardware[path] = value
            else:
                known = [*of_scenario, *of_cut, DTYPE, SPARSITY, *field_values(self.system)]
                raise NameMiss("field", path, nearest(path, known), f"(known: {', '.join(known)})")
        return hardware, scenario, cut, design.get(DTYPE)

    def _formats(self, index: Any, sparsity: Any) -> Precision:
        weights = data_type(self.data_types[0]) if index is None else data_type_choice(self.data_types, index)
        activation, state = (data_type(name) if name else None for name in (self.activation_dtype, self.kv_dtype))
        found = precision(weights, activation, state)
        sparsity = self.sparsity if sparsity is None else sparsity
        return found if sparsity is None else replace(found, weight=sparse(found.weight, sparsity))


def output_of(result: Estimate, name: str) -> Real | Any:
    """One figure of an estimate, by name.

    Raises
    ------
    NameMiss
        If there is no such output, or the scenario has none.
    """
    check_known("output", name, OUTPUTS)
    value = result.memory.total_byte if name == "memory_byte" else getattr(result, name)
    if value is None:
        raise NameMiss("output", name, (), f"(a {result.scenario.phase} scenario has none)")
    return value
