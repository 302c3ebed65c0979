"""Folds of a product over an array: cycles by hand, and those that SCALE-Sim counts.

The cycles of `SCALE_SIM` are what SCALE-Sim 3.0.0 (``pip install scalesim "numpy<2"``) writes into ``COMPUTE_REPORT.csv`` as `Total Cycles` for GEMMs on an
array of 8 x 4, with buffers and bandwidth that never stall (10 MB each, 100,000 words a cycle, interface bandwidth ``USER``). It numbers
the last cycle from 0; where the package is installed the table is written anew and compared.
"""

from __future__ import annotations

import contextlib
import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hardware_specs.schema import SpatialEngine
from magnitudes.datatypes import DATA_TYPES
from simulator.machine import MachineError
from simulator.spatial.folds import array_cycle, operand_read_byte
from simulator.spatial.product import Product, product_of
from workloads.operator import Contraction, Convolution

ARRAY = SpatialEngine("pe", ("buffer", "dram"), 1e9, {"fp32": 1e9}, {"bf16": 64e9}, rows=8.0, columns=4.0)
GEMMS = ((4, 4, 4), (10, 20, 30), (64, 8, 8), (33, 17, 50), (1, 40, 25))  # m, n, k
SCALE_SIM = {"output": (13, 399, 287, 1499, 349), "weight": (21, 559, 163, 1784, 759), "input": (21, 455, 415, 2204, 231)}


def product(m: float, n: float, k: float, batch: float = 1.0) -> Product:
    return product_of(Contraction(name="product", m=m, n=n, k=k, batch=batch))


@pytest.mark.parametrize("dataflow", SCALE_SIM)
def test_serial_folds_are_those_of_scale_sim(dataflow: str) -> None:
    array = replace(ARRAY, dataflow=dataflow)
    ours = tuple(array_cycle(product(float(m), float(n), float(k)), array, overlapped=False) - 1.0 for m, n, k in GEMMS)
    assert ours == SCALE_SIM[dataflow]


CONFIGURATION = """[general]
run_name = folds
[architecture_presets]
ArrayHeight: 8
ArrayWidth: 4
IfmapSramSzkB: 10000
FilterSramSzkB: 10000
OfmapSramSzkB: 10000
IfmapOffset: 0
FilterOffset: 10000000
OfmapOffset: 20000000
Dataflow: {dataflow}
Bandwidth: 100000
ReadRequestBuffer: 32
WriteRequestBuffer: 32
[layout]
IfmapCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterCustomLayout: False
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: false
SparseRep: ellpack_block
OptimizedMapping: false
BlockSize: 8
RandomNumberGeneratorSeed: 40
[run_presets]
InterfaceBandwidth: USER
UseRamulatorTrace: False
"""


@pytest.mark.parametrize("dataflow", SCALE_SIM)
def test_the_table_is_what_scale_sim_writes(dataflow: str, tmp_path: Path) -> None:
    scalesim = pytest.importorskip("scalesim.scale_sim", reason="SCALE-Sim is not installed: its cycles are kept in a table")
    gemms = "".join(f"g{i}, {m}, {n}, {k},\n" for i, (m, n, k) in enumerate(GEMMS))
    layouts = "".join(f"g{i}," + "1," * 22 + "\n" for i in range(len(GEMMS)))
    for name, text in {
        "array.cfg": CONFIGURATION.format(dataflow=f"{dataflow[0]}s"), "gemms.csv": "Layer, M, N, K,\n" + gemms,
        "layout.csv": "Layer," + "a," * 22 + "\n" + layouts,
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text, encoding="utf-8")
    files = {"config": "array.cfg", "topology": "gemms.csv", "layout": "layout.csv"}
    run = scalesim.scalesim(save_disk_space=True, verbose=False, input_type_gemm=True, **{k: str(tmp_path / f) for k, f in files.items()})
    with contextlib.redirect_stdout(io.StringIO()):
        run.run_scale(top_path=str(tmp_path / "out"))
    (report,) = (tmp_path / "out").rglob("COMPUTE_REPORT.csv")
    rows = list(csv.DictReader(report.open(encoding="utf-8"), skipinitialspace=True))
    assert tuple(int(float(row["Total Cycles"])) for row in rows) == SCALE_SIM[dataflow]


def test_overlapped_folds_hide_the_load_of_the_next() -> None:
    # k = 16 over 8 rows, n = 8 over 4 columns: 4 folds. 8 to load the first, 3 times max(20, 8), the last 20, and 8 + 4 - 2 to cross.
    assert array_cycle(product(20.0, 8.0, 16.0), ARRAY) == 8 + 3 * 20 + 20 + 10
    # Streams of 2 are shorter than a load of 8 rows; two rows a clock halve it.
    assert array_cycle(product(2.0, 8.0, 16.0), ARRAY) == 8 + 3 * 8 + 2 + 10
    assert array_cycle(product(2.0, 8.0, 16.0), replace(ARRAY, loaded_rows=2.0)) == 4 + 3 * 4 + 2 + 10


def test_arrays_share_folds_or_streams() -> None:
    # 6 folds on 4 arrays: two rounds of 100, or six folds of 25 each.
    four = replace(ARRAY, arrays=4.0)
    assert array_cycle(product(100.0, 24.0, 8.0), four) == min(8 + 100 + 100 + 10, 8 + 5 * 25 + 25 + 10)
    # One fold: its stream is dealt out.
    assert array_cycle(product(100.0, 4.0, 8.0), four) == 8 + 25 + 10


def test_either_operand_of_two_activations_may_stay() -> None:
    weights, activations = product(4.0, 64.0, 8.0), replace(product(4.0, 64.0, 8.0), either=True)
    assert array_cycle(weights, ARRAY) == 8 + 15 * 8 + 4 + 10  # 16 folds of n, each shorter than its load
    assert array_cycle(activations, ARRAY) == 8 + 64 + 10  # m fits across: one fold, n streams


def test_row_stationary_sets_fill_the_array() -> None:
    """3 x 3 filters on images of 4 rows and 6 columns: a set is 3 x 4, two of them stand in 8 rows x 4 columns; a pass slides 3 x 6."""
    convolution = Convolution(name="c", batch=1.0, cin=4.0, cout=5.0, in_h=6.0, in_w=8.0, out_h=4.0, out_w=6.0, kernel_h=3.0, kernel_w=3.0)
    assert array_cycle(product_of(convolution), replace(ARRAY, dataflow="row")) == 10 * 18 + 10


def test_a_depthwise_convolution_is_a_product_a_channel() -> None:
    depthwise = Convolution(name="d", batch=2.0, cin=32.0, cout=32.0, in_h=7.0, in_w=7.0, out_h=7.0, out_w=7.0, kernel_h=3.0, kernel_w=3.0, groups=32.0)
    own = product_of(depthwise)
    assert (own.batch, own.m, own.n, own.k) == (32.0, 98.0, 1.0, 9.0)
    assert array_cycle(own, ARRAY) == 8 + 63 * 98 + 98 + 10  # 9 of k over 8 rows: two folds a channel


def test_ports_carry_what_folds_read_again() -> None:
    own = product(20.0, 8.0, 16.0)
    assert operand_read_byte(own, ARRAY) == 20 * 16 * 2 * 2  # activations for each of 2 column folds
    assert operand_read_byte(own, replace(ARRAY, dataflow="output")) == max(20 * 16 * 2 * 2, 16 * 8 * 2 * 3)


@pytest.mark.parametrize("dataflow", ["weight", "input", "output", "row"])
def test_never_fewer_cycles_than_multiply_adds_over_elements(dataflow: str) -> None:
    rng = np.random.default_rng(7)
    m, n, k, batch = (np.floor(2.0 ** rng.uniform(0.0, high, 500)) for high in (12, 12, 12, 4))
    columns = Product(batch, m, n, k, m * k, n * k, m * n, DATA_TYPES["bf16"])
    array = replace(ARRAY, dataflow=dataflow, arrays=2.0)
    cycle = array_cycle(columns, array)
    assert np.all(cycle >= batch * m * n * k / (2 * 8 * 4))
    assert np.all(cycle <= array_cycle(columns, array, overlapped=False))
    alone = [array_cycle(Product(*(float(c[i]) for c in (batch, m, n, k, m * k, n * k, m * n)), DATA_TYPES["bf16"]), array) for i in range(50)]
    assert alone == list(cycle[:50])


def test_an_unknown_dataflow_is_refused() -> None:
    with pytest.raises(MachineError, match="it is one of weight, input, output, row"):
        array_cycle(product(1.0, 1.0, 1.0), replace(ARRAY, dataflow="diagonal"))
