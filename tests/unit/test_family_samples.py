"""Models of independent samples: embedding bags and products of a recommender, hashed grids of a field in space."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import roofscape as rs
from magnitudes.arrays import as_float
from workloads.catalog import find_model
from workloads.graph import Workload
from workloads.importers.huggingface import model_of
from workloads.model import ModelError
from workloads.neural_field import HashGrid
from workloads.operator import Collective, Gather, Residency
from workloads.scenario import Samples
from workloads.sharding import Parallelism, Precision
from workloads.shipped import SHIPPED


def load_of(name: str, batch: float, cut: Parallelism | None = None) -> Workload:
    return find_model(name).workload(Samples(batch=batch).passes()[0], cut or Parallelism(), Precision())


def config(name: str, **changes: Any) -> Any:
    return model_of(json.loads((SHIPPED / f"{name}.json").read_text()) | changes, "mine", "config.json")


def gather_of(load: Workload) -> Gather:
    return next(n.operator for n in load.nodes if isinstance(n.operator, Gather))


def test_a_bag_reads_its_rows_and_sums_them() -> None:
    pooled = config("dlrm-mlperf", table_rows=[1000, 10], pooling=[3, 2])
    gather = gather_of(pooled.workload(Samples(batch=100).passes()[0], Parallelism(), Precision()))
    assert gather.rows == 500
    assert gather.byte_of(Residency.WEIGHT) == (300 + 10) * 128 * 2, "the table of ten rows is read once, whatever is looked up"
    assert gather.byte_of(Residency.OUTPUT) == 100 * 2 * 128 * 2
    assert gather.flop == pytest.approx((500 - 200) * 128)


def test_vectors_are_multiplied_with_each_other() -> None:
    """26 tables and the dense features: 27 x 27 products of 128, of which 351 pairs go on beside the 128 of the bottom network."""
    load = load_of("dlrm-mlperf", 10)
    product = next(n.operator for n in load.nodes if n.operator.name == "products")
    assert product.matrix_flop == 2 * 10 * 27 * 27 * 128
    top = next(n.operator for n in load.nodes if n.operator.name == "top0")
    assert top.k == 351 + 128  # type: ignore[attr-defined]


def test_tables_are_spread_and_networks_copied() -> None:
    one, eight = load_of("dlrm-mlperf", 4096), load_of("dlrm-mlperf", 4096, Parallelism(dp=8.0, ep=8.0))
    model = find_model("dlrm-mlperf")
    networks = model.parameters - 187_767_399 * 128
    assert as_float(eight.weight_byte) == pytest.approx(2 * (networks + 187_767_399 * 16))
    assert gather_of(eight).rows == gather_of(one).rows / 8
    exchange = next(n.operator for n in eight.nodes if isinstance(n.operator, Collective))
    assert exchange.message_byte == 512 * 26 * 128 * 2
    with pytest.raises(ModelError, match=r"tables with --ep"):
        rs.estimate("dlrm-mlperf", "8xh100-sxm", Samples(batch=64), tp=8)
    with pytest.raises(ModelError, match=r"--ep 4 does not divide the 2 chips"):
        rs.estimate("dlrm-mlperf", "8xh100-sxm", Samples(batch=64), dp=2, ep=4)


def test_spreading_tables_makes_them_fit() -> None:
    fits = rs.estimate("dlrm-mlperf", "8xa100-sxm-40gb", Samples(batch=65536), dp=8, ep=np.array([1.0, 2.0, 8.0])).fits
    assert list(fits) == [False, True, True]  # type: ignore[arg-type]


def test_a_grid_has_a_row_a_corner_until_it_hashes() -> None:
    grid = HashGrid(levels=3, features=2, table_rows=2.0**12, base=8, growth=2.0)
    assert [grid.rows(level) for level in range(3)] == [512, 4096, 4096]
    assert grid.parameters == 2 * (512 + 4096 + 4096)


def test_a_field_reads_eight_corners_in_each_grid() -> None:
    load = load_of("instant-ngp-nerf", 1000)
    gather = gather_of(load)
    assert gather.rows == 1000 * 16 * 8
    assert gather.byte_of(Residency.OUTPUT) == 1000 * 32 * 2
    many = gather_of(load_of("instant-ngp-nerf", 1e7))
    assert many.byte_of(Residency.WEIGHT) == 12_196_240 * 2, "never more than all tables"
    products = [n.operator for n in load.nodes if n.operator.kind == "contraction"]
    assert [(p.k, p.n) for p in products] == [(32, 64), (64, 16), (32, 64), (64, 64), (64, 16)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("dlrm-mlperf", {"bottom_mlp": [512, 64]}, "ends with 64 columns; it should end with embedding_dim, which is 128"),
        ("dlrm-mlperf", {"pooling": [1, 2]}, "pooling has 2 numbers for 26 tables"), ("dlrm-mlperf", {"table_rows": [0]}, "should be positive"),
        ("instant-ngp-nerf", {"log2_hashmap_size": 40}, "at most 32"), ("instant-ngp-nerf", {"per_level_scale": 1e6}, "leave every range"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(name: str, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        config(name, **changes)
