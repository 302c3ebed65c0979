"""Low-rank adapters on a shared model: each request brings its own, and small gathered products run beside the model's.

S-LoRA, arXiv 2311.03285, and Punica, arXiv 2310.18547 (BGMV, SGMV): behind each adapted projection (m, k) x (k, n) come a product that shrinks
to the rank, (m, k) x (k, r), and one that expands, (m, r) x (r, n), a product an adapter with its share of the rows:
only the weights of adapters that a batch uses are read.
Fused projections (queries, keys and values; gate and up) shrink once for each part. Adapters are cut over chips as their projections are, and
kept in the format of the stream. All of them lie in main memory, or (S-LoRA) in the memory behind it: then those of running requests and some more are
held in main memory, and a request that arrives waits for its own, if it is not among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from magnitudes.arrays import Real, as_real, maximum, minimum, total
from magnitudes.errors import InputError
from workloads.graph import Node, Workload
from workloads.model import DivisionRule, Model
from workloads.operator import Contraction, expected_active
from workloads.passes import Pass
from workloads.sharding import Parallelism, Precision

PARTS = {"qkv": 3.0, "out": 1.0, "gate_up": 2.0, "up": 1.0, "down": 1.0}  # projections that can be adapted, and how many each fuses


@dataclass(frozen=True, slots=True)
class Adapters:
    """Adapters that are served together.

    Parameters
    ----------
    rank, adapters : float or array of shape (designs,)
        Rank of each, and how many are held; requests choose among them evenly.
    on : tuple of str
        Projections that they adapt, out of `PARTS`.
    held : float or array of shape (designs,), optional
        How many main memory holds, the others lying behind it; all, if not said. Those that a batch uses are always held.

    Raises
    ------
    InputError
        If a projection is not known.
    """

    rank: Real = 16.0
    adapters: Real = 1.0
    on: tuple[str, ...] = tuple(PARTS)
    held: Real | None = None

    def __post_init__(self) -> None:
        for name in ("rank", "adapters", "held"):
            if name == "held" and self.held is None:
                continue
            value = as_real(getattr(self, name))
            object.__setattr__(self, name, value)
            if isinstance(value, float) and not 1.0 <= value <= 1e6:
                raise InputError(f"{name} of adapters is {value:g}; it should be a number from 1 to 1e6")
        unknown = [p for p in self.on if p not in PARTS]
        if unknown:
            raise InputError(f"adapters on {unknown[0]!r}: there is no such projection; use {', '.join(PARTS)}")


@dataclass(frozen=True, slots=True)
class Adapted:
    """A model whose requests bring adapters.

    Parameters
    ----------
    base : Model
    adapters : Adapters
    """

    base: Model
    adapters: Adapters

    @property
    def name(self) -> str:
        return f"{self.base.name} with adapters"

    @property
    def parameters(self) -> float:
        """Weights of the shared model."""
        return self.base.parameters

    @property
    def phases(self) -> tuple[str, ...]:
        return self.base.phases

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """Those of the shared model."""
        return self.base.cut_rules(cut)

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """The shared model's operators, with two small products behind each projection that is adapted."""
        plain = self.base.workload(run, cut, formats)
        one_byte = self.adapter_byte(plain, formats) / cut.pp
        sequences = total(g.batch for g in run.groups) / (cut.dp * cut.parts)
        active = expected_active(self.adapters.adapters, 1.0, sequences)
        arriving = total(g.batch for g in run.groups if not g.decoding) / cut.dp
        nodes = tuple(added for node in plain.nodes for added in (node, *self._beside(node, active, formats)))
        return replace(plain, nodes=nodes, weight_byte=plain.weight_byte + one_byte * self._held(active), fetched_byte=one_byte * self._missed(arriving))

    def _held(self, active: Real) -> Real:
        """Adapters in main memory: those that are in use, at least."""
        a = self.adapters
        return a.adapters if a.held is None else minimum(maximum(a.held, active), a.adapters)

    def _missed(self, arriving: Real) -> Real:
        """Adapters of arriving requests that main memory does not hold: any of them is as likely to be held as another."""
        a = self.adapters
        if a.held is None or (isinstance(arriving, float) and arriving == 0.0):
            return 0.0
        return expected_active(a.adapters, 1.0, arriving) * (1.0 - minimum(a.held / a.adapters, 1.0))

    def adapter_byte(self, plain: Workload, formats: Precision) -> Real:
        """Bytes of one adapter over all layers, of one chip's share: what is moved where it is swapped in."""
        rank, byte = self.adapters.rank, formats.stream.byte
        return total(n.count * rank * (n.operator.k * parts + n.operator.n) * byte for n in plain.nodes for parts in self._parts(n))  # type: ignore[attr-defined]

    def _parts(self, node: Node) -> tuple[float, ...]:
        """How many projections an operator fuses; none where it is not adapted."""
        name = next((p for p in self.adapters.on if node.operator.name == p or node.operator.name.startswith(p + "_")), None)
        return (PARTS[name],) if name is not None and isinstance(node.operator, Contraction) else ()

    def _beside(self, node: Node, active: Real, formats: Precision) -> Iterator[Node]:
        """The products that shrink and expand."""
        for parts in self._parts(node):
            wide, rank, element = node.operator, self.adapters.rank, formats.stream
            assert isinstance(wide, Contraction)
            rows = wide.m / active  # of one adapter
            shrink = Contraction(name=f"{wide.name}_shrink", batch=active, m=rows, n=rank * parts, k=wide.k, a=element, b=element, c=element)
            expand = Contraction(name=f"{wide.name}_expand", batch=active, m=rows, n=wide.n, k=rank, a=element, b=element, c=element)
            yield Node(shrink, node.count, node.after)
            yield Node(expand, node.count, (shrink.name, wide.name))
