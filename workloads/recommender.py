"""Recommenders: embedding bags for what is categorical, dense networks for what is not, and products between them (DLRM).

Naumov et al., arXiv 1906.00091. Tables are spread over `ep` of the replicas and everything else is copied: each chip looks up its tables
for the samples of all, and an all-to-all brings every sample its vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from magnitudes.arrays import Real, maximum, minimum, total, where
from workloads.chain import Chain
from workloads.feed_forward import linear
from workloads.graph import Workload, fused
from workloads.mixer import pointwise
from workloads.model import DivisionRule
from workloads.operator import Collective, Contraction, Gather, Residency
from workloads.passes import Pass
from workloads.sharding import Parallelism, Precision


@dataclass(frozen=True, slots=True)
class Recommender:
    """A DLRM.

    Parameters
    ----------
    dense : float
        Features that are numbers.
    bottom, top : tuple of float
        Columns of the layers below and above the products; the last above is what is predicted.
    tables : tuple of (rows, pooled)
        Rows of each embedding table, and rows that are summed for one sample.
    width : float
        Of an embedding: what the bottom network ends with.
    """

    name: str
    dense: float
    bottom: tuple[float, ...]
    top: tuple[float, ...]
    tables: tuple[tuple[float, float], ...]
    width: float

    phases = ("samples",)

    @property
    def _vectors(self) -> float:
        """Vectors that are multiplied with each other: one a table, and the bottom network's."""
        return len(self.tables) + 1.0

    @property
    def _pairs(self) -> float:
        return self._vectors * (self._vectors - 1.0) / 2.0

    @property
    def _table_parameters(self) -> float:
        return sum(rows for rows, _ in self.tables) * self.width

    @property
    def _network_parameters(self) -> float:
        below, above = (self.dense, *self.bottom), (self._pairs + self.width, *self.top)
        return sum((k + 1.0) * n for layers in (below, above) for k, n in pairwise(layers))

    @property
    def parameters(self) -> float:
        """Weights in all."""
        return self._table_parameters + self._network_parameters

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """Samples are spread with `dp`, tables with `ep` over the same chips."""
        what = "part that the networks of a recommender can be cut into (spread samples with --dp, tables with --ep)"
        whole = tuple(DivisionRule(what, 1.0, degree, option) for option, degree in (("--tp", cut.tp), ("--pp", cut.pp)))
        return (*whole, DivisionRule("chips that tables can be spread over (--dp)", cut.dp, cut.ep, "--ep"))

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """The operators of one batch of samples on one chip."""
        batch = maximum(total(g.batch for g in run.groups) / cut.dp, 1.0)
        stream, chain = formats.stream, Chain()
        self._add_network(chain, "bottom", self.dense, self.bottom, batch, formats)
        below = chain.nodes[-1].operator.name
        vectors = batch * self._vectors * self.width
        bags = chain.add(self._bags(batch * cut.dp / cut.ep, formats), after="")  # of the samples of all, this chip's part of the tables
        exchanged = self._add_exchange(chain, batch, cut, formats, bags)
        product = Contraction(
            name="products", batch=batch, m=self._vectors, n=self._vectors, k=self.width, a=stream, b=stream, c=stream, b_residency=Residency.ACTIVATION
        )  # fmt: skip
        chain.add(product, exchanged, after=below)
        chain.add(pointwise("triangle", batch * (self._pairs + self.width), 0.0, formats), below)
        self._add_network(chain, "top", self._pairs + self.width, self.top, batch, formats)
        return Workload(
            nodes=fused(chain.nodes),
            weight_byte=(self._table_parameters / cut.ep + self._network_parameters) * formats.weight.byte,
            activation_byte=(2.0 * vectors + batch * max(*self.bottom, *self.top)) * stream.byte,
            tokens=total(g.batch for g in run.groups),
        )

    def _add_network(self, chain: Chain, name: str, entry: float, layers: tuple[float, ...], batch: Real, formats: Precision) -> None:
        """Linear layers with biases and activations, which the layer itself takes in."""
        for place, (k, n) in enumerate(pairwise((entry, *layers))):
            chain.add(linear(f"{name}{place}", batch, n, k, formats))
            chain.add(pointwise(f"{name}{place}_activation", batch * n, 2.0, formats, fuses="producer"))

    def _bags(self, samples: Real, formats: Precision) -> Gather:
        """One kernel that looks up and sums all bags of so many samples, as serving libraries batch them; a small table is read once."""
        pooled = sum(pooled for _, pooled in self.tables)
        distinct = total(minimum(samples * pooled, rows) for rows, pooled in self.tables)
        return Gather(
            name="bags", rows=samples * pooled, width=self.width, table_rows=distinct, pooled=pooled / len(self.tables), table=formats.weight,
            output=formats.stream,
        )  # fmt: skip

    def _add_exchange(self, chain: Chain, batch: Real, cut: Parallelism, formats: Precision, bags: str) -> str:
        """Vectors from the chips of the tables to the chips of the samples; what brings them, or the bags themselves."""
        if isinstance(cut.ep, float) and cut.ep == 1.0:
            return bags
        message_byte = batch * len(self.tables) * self.width * formats.stream.byte
        ranks = where(cut.ep > 1.0, cut.ep, 1.0)
        exchange = Collective(name="exchange", pattern="all_to_all", message_byte=message_byte, ranks=ranks, span=cut.dp)
        return chain.add(exchange, after=bags)
