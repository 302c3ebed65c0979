"""Neural graphics: small networks over points in space, which an encoding of hashed grids turns into features.

Müller et al., arXiv 2201.05989 (Instant NGP). One pass is a batch of points, each with a direction it is seen from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from magnitudes.arrays import maximum, total
from workloads.chain import Chain
from workloads.feature_maps import whole_images
from workloads.feed_forward import linear
from workloads.graph import Workload, fused
from workloads.mixer import pointwise
from workloads.model import DivisionRule
from workloads.operator import Elementwise, Gather
from workloads.passes import Pass
from workloads.sharding import Parallelism, Precision

CORNERS = 8.0  # of a cell in space
ALIGNED_ROWS, ALIGNED_COLUMNS = 8.0, 16.0  # multiples that tiny-cuda-nn rounds up to: rows of a level, columns of its networks


@dataclass(frozen=True, slots=True)
class HashGrid:
    """Grids from coarse to fine, each a table of features; a fine one has fewer rows than corners, and hashes them.

    Parameters
    ----------
    levels, features : float
        Grids, and features of a row.
    table_rows : float
        Rows of a table at most.
    base, growth : float
        Cells along a side of the coarsest grid, and the factor from one to the next.
    """

    levels: float
    features: float
    table_rows: float
    base: float
    growth: float

    def rows(self, level: int) -> float:
        """Rows of one table."""
        side = math.ceil(self.growth**level * self.base - 1.0) + 1.0
        return min(math.ceil(side**3 / ALIGNED_ROWS) * ALIGNED_ROWS, self.table_rows)

    @property
    def parameters(self) -> float:
        """Features of all tables."""
        return sum(self.rows(level) for level in range(int(self.levels))) * self.features


@dataclass(frozen=True, slots=True)
class NeuralField:
    """Points through a hash grid and a network for density, whose features pass, with the direction, a network for colour.

    Parameters
    ----------
    grid : HashGrid
    density, colour : tuple of float
        Columns of the layers, from the first hidden one to the output.
    direction : float
        Features of a direction (spherical harmonics).
    """

    name: str
    grid: HashGrid
    density: tuple[float, ...]
    colour: tuple[float, ...]
    direction: float = 16.0

    phases = ("samples",)

    @property
    def _networks(self) -> tuple[tuple[str, tuple[float, ...]], ...]:
        """Both networks, with columns rounded up as their fused kernels need."""
        entry = self.grid.levels * self.grid.features
        chains = (("density", (entry, *self.density)), ("colour", (self.density[-1] + self.direction, *self.colour)))
        return tuple((name, tuple(math.ceil(n / ALIGNED_COLUMNS) * ALIGNED_COLUMNS for n in layers)) for name, layers in chains)

    @property
    def parameters(self) -> float:
        """Weights in all: tables and networks, without biases."""
        return self.grid.parameters + sum(k * n for _, layers in self._networks for k, n in pairwise(layers))

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """Points are spread with `dp`; tables and networks are whole on each chip."""
        return whole_images(cut)

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """The operators of one batch of points on one chip."""
        points = maximum(total(g.batch for g in run.groups) / cut.dp, 1.0)
        chain, stream = Chain(), formats.stream
        gather = Gather(  # one kernel interpolates between the corners of a point's cell, in all grids
            name="grids", rows=points * self.grid.levels * CORNERS, width=self.grid.features, table_rows=self.grid.parameters / self.grid.features,
            pooled=CORNERS, index_byte=0.0, table=formats.weight, output=stream,
        )  # fmt: skip
        encoded = chain.add(gather, after="")
        harmonics = Elementwise(
            name="direction", elements=points * self.direction, reads=3.0 / self.direction, flop_per_element=4.0, element=stream, output=stream
        )  # fmt: skip
        seen = chain.add(harmonics, after="")
        for name, layers in self._networks:
            for place, (k, n) in enumerate(pairwise(layers)):
                extra = (seen,) if name == "colour" and place == 0 else ()
                before = encoded if name == "density" and place == 0 else None
                chain.add(linear(f"{name}{place}", points, n, k, formats), *extra, after=before)
                chain.add(pointwise(f"{name}{place}_activation", points * n, 1.0, formats, fuses="producer"))
        widest = max(n for _, layers in self._networks for n in layers)
        return Workload(
            nodes=fused(chain.nodes),
            weight_byte=self.parameters * formats.weight.byte,
            activation_byte=2.0 * points * widest * stream.byte,
            tokens=total(g.batch for g in run.groups),
        )
