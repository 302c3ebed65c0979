"""Every entry of the catalogue: does it load, does each number name its source, do the numbers agree with one another?"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from hardware_specs import catalog
from hardware_specs.loader import read_tree
from hardware_specs.schema import Chip, KernelEngine, Link, SpatialEngine
from magnitudes.names import NameMiss, normal
from roofscape.testing import check_sources

FILES = [f for f in catalog.spec_files() if f.is_relative_to(catalog.SHIPPED)]
SHIPPED_CHIPS = [n for n in catalog.chip_names() if n != catalog.THIS_MACHINE]
# flop a clock of one multiprocessor's matrix units in fp16 with fp32 accumulation (vendors' whitepapers), and parts that are sold with a fraction of it
FLOP_PER_CLOCK = {
    "maxwell": 0, "pascal": 0, "volta": 1024, "turing": 1024, "ampere": 2048, "ampere_ga10x": 1024, "ampere_ga10b": 2048, "ada": 1024, "hopper": 4096,
    "blackwell": 8192, "blackwell_gb20x": 1024, "vega": 0, "cdna1": 1024, "cdna2": 1024, "cdna3": 2048, "cdna4": 4096, "rdna3": 512, "xe_hpc": 4096,
    "xe2": 2048, "apple7": 0, "apple8": 0, "apple9": 0,
}  # fmt: skip
REDUCED = {"a10g": 2, "l20": 2, "l40": 2, "h20": 4}
GEFORCE = re.compile(r"rtx-[2-5]0[5-9]0(-ti)?(-super)?")  # with fp32 accumulation at half the rate of fp16's
SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def chip_of(name: str) -> Chip:
    spec = catalog.find(name).spec
    assert isinstance(spec, Chip)
    return spec


@pytest.mark.parametrize("name", catalog.chip_names())
def test_chip_loads(name: str) -> None:
    chip = chip_of(name)
    assert chip.name == name
    assert chip.engine in chip.engines
    for engine in chip.engines:
        assert chip.main_memory(engine).capacity_byte > 0
        assert "host" not in engine.beside, "host memory is where data spills; no engine stands beside it"


@pytest.mark.parametrize("name", catalog.link_names())
def test_link_loads(name: str) -> None:
    link = catalog.find(name).spec
    assert isinstance(link, Link)
    assert link.name == name
    assert link.topology in ("switch", "mesh", "ring", "torus", "host")
    assert link.bandwidth_byte_per_s > 0
    assert link.latency_s > 0


@pytest.mark.parametrize("name", catalog.system_names())
def test_system_loads(name: str) -> None:
    system = catalog.find_system(name)
    limits = [level.chips for level in system.fabric]
    assert limits == sorted(limits), "inner level first"
    assert limits[-1] >= system.chips
    assert system.fabric[0].link == catalog.find(system.chip.name).fabric[0].link, "a system's inner level is its chip's"


@pytest.mark.parametrize("name", SHIPPED_CHIPS)
def test_chips_form_a_system_where_they_name_a_fabric(name: str) -> None:
    if not catalog.find(name).fabric:
        pytest.skip(f"{name} names no fabric")
    assert catalog.find_system(f"2x{name}").chips == 2.0


@pytest.mark.parametrize("name", [*catalog.chip_names(), *catalog.link_names()])
def test_every_number_names_its_source(name: str) -> None:
    entry = catalog.find(name)
    check_sources(entry)
    for path, citation in entry.citations.items():
        assert len(citation.source) > 10, f"{path}: a title says more than {citation.source!r}"
        assert "placeholder" not in citation.source, path


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_file_is_named_after_its_entry(file: Path) -> None:
    tree = read_tree(file)
    assert tree["name"] == file.stem
    assert tree["title"]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_sources_are_used(file: Path) -> None:
    """A source that no value of the file names is a leftover (one that overrides an inherited source serves the inherited values)."""
    tree = read_tree(file)
    if "like" in tree or "chip" in tree:
        return
    text = file.read_text(encoding="utf-8")
    assert [s for s in tree.get("sources", {}) if f"@{s}" not in text] == []


@pytest.mark.parametrize("name", [*catalog.chip_names(), *catalog.link_names(), *catalog.system_names()])
def test_name_resolves_in_several_spellings(name: str) -> None:
    for spelling in (name.upper(), name.replace("-", "_"), name.replace("-", " "), name.title()):
        if name in catalog.system_names():
            assert catalog.find_system(spelling).name == name
        else:
            assert catalog.find(spelling).spec.name == name


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("h100", "h100-sxm"), ("a100", "a100-sxm-80gb"), ("v100", "v100-sxm2"), ("mi300x", "mi300x"), ("H200", "h200"), ("gaudi 3", "gaudi3"),
        ("NVIDIA H100 80GB HBM3", "h100-sxm"), ("NVIDIA H100 PCIe", "h100-pcie"), ("NVIDIA H200", "h200"), ("NVIDIA B200", "b200"),
        ("NVIDIA A100-SXM4-80GB", "a100-sxm-80gb"), ("NVIDIA A100-SXM4-40GB", "a100-sxm-40gb"), ("NVIDIA A100-PCIE-40GB", "a100-pcie-40gb"),
        ("NVIDIA A100 80GB PCIe", "a100-pcie-80gb"), ("Tesla V100-SXM2-16GB", "v100-sxm2"), ("Tesla V100-SXM2-32GB", "v100-sxm2-32gb"),
        ("Tesla V100-PCIE-32GB", "v100-pcie"), ("Tesla V100-PCIE-16GB", "v100-pcie-16gb"), ("Tesla P100-PCIE-16GB", "p100-pcie"), ("Tesla T4", "t4"),
        ("NVIDIA L40S", "l40s"), ("AMD Instinct MI300X", "mi300x"), ("AMD Instinct MI300X OAM", "mi300x"),
        ("Intel(R) Xeon(R) Platinum 8480+", "xeon-platinum-8480"),
        # what nvidia-smi, rocm-smi and frameworks print
        ("NVIDIA A30", "a30"), ("NVIDIA A40", "a40"), ("NVIDIA A10", "a10"), ("NVIDIA A10G", "a10g"), ("NVIDIA RTX A6000", "rtx-a6000"), ("NVIDIA L4", "l4"),
        ("NVIDIA L20", "l20"), ("NVIDIA L40", "l40"), ("NVIDIA GeForce RTX 3090", "rtx-3090"), ("NVIDIA GeForce RTX 4070", "rtx-4070"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"), ("NVIDIA GeForce RTX 5090", "rtx-5090"), ("NVIDIA H20", "h20"), ("NVIDIA H800", "h800-sxm"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "rtx-pro-6000-server"), ("NVIDIA H100 NVL", "h100-nvl"), ("NVIDIA GH200 480GB", "gh200"),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "rtx-pro-6000-workstation"), ("NVIDIA GB200", "gb200"), ("NVIDIA GB300", "gb300"),
        ("NVIDIA B300 SXM6 AC", "b300"), ("GeForce GTX TITAN X", "titan-x-maxwell"), ("NVIDIA TITAN X (Pascal)", "titan-x-pascal"), ("TITAN Xp", "titan-xp"),
        ("GeForce GTX 1080 Ti", "gtx-1080-ti"), ("Tesla M40", "m40"), ("Tesla M40 24GB", "m40"), ("Tesla P4", "p4"), ("Tesla P100-SXM2-16GB", "p100-sxm2"),
        ("Radeon Instinct MI25", "mi25"), ("Radeon Vega Frontier Edition", "vega-fe"), ("AMD Instinct MI100", "mi100"), ("AMD Instinct MI210", "mi210"),
        ("AMD Instinct MI250", "mi250"), ("AMD Instinct MI250X/MI250", "mi250x"), ("AMD Instinct MI300A", "mi300a"), ("AMD Instinct MI325X", "mi325x"),
        ("AMD Instinct MI355X", "mi355x"), ("Tesla V100-SXM3-32GB", "v100-sxm3-32gb"), ("AMD EPYC 9654 96-Core Processor", "epyc-9654"),
        ("TPU v5 lite", "tpu-v5e"), ("TPU v6 lite", "tpu-v6e"), ("TPU v5", "tpu-v5p"), ("TPU7x", "tpu-v7"), ("Apple M1", "apple-m1"), ("HL-225", "gaudi2"),
         ("Intel(R) Data Center GPU Max 1550", "max-1550"), ("Intel(R) Arc(TM) Pro B60 Graphics", "arc-pro-b60"),
        ("Tesla P40", "p40"), ("NVIDIA TITAN V", "titan-v"), ("NVIDIA GeForce RTX 2080 Ti", "rtx-2080-ti"), ("NVIDIA RTX 6000 Ada Generation", "rtx-6000-ada"),
        ("NVIDIA H200 NVL", "h200-nvl"), ("NVIDIA A800-SXM4-80GB", "a800-sxm"), ("AMD Radeon RX 7900 XTX", "rx-7900-xtx"), ("NVIDIA GB10", "gb10"),
        ("Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz", "xeon-gold-6148"), ("AMD EPYC 9755 128-Core Processor", "epyc-9755"),
        # DeepBench
        ("NV_TitanX", "titan-x-maxwell"), ("NV_TitanX_Pascal", "titan-x-pascal"), ("NV_TitanXp", "titan-xp"), ("NV_1080Ti", "gtx-1080-ti"), ("NV_M40", "m40"),
        ("NV_P4", "p4"), ("NV_P100", "p100-pcie"), ("NV_V100", "v100-sxm2"), ("NV_T4", "t4"), ("NV_Jetson_TX1", "jetson-tx1"), ("AMD_MI25", "mi25"),
        ("AMD_VegaFE", "vega-fe"), ("AMD_Vega_FE", "vega-fe"),
        ("IA_KNL7250", "xeon-phi-7250"), ("IA_Knights_Landing", "xeon-phi-7250"), ("Raspberry_Pi_3", "raspberry-pi-3"), ("iPhone_6", "apple-a8"),
        ("iPhone_7", "apple-a10"),
        # aiconfigurator and Vidur
        ("h100_sxm", "h100-sxm"), ("h200_sxm", "h200"), ("b200_sxm", "b200"), ("gb200", "gb200"), ("gb200_sxm", "gb200"), ("gb300", "gb300"), ("l40s", "l40s"),
        ("b300_sxm", "b300"), ("a100_sxm", "a100-sxm-80gb"), ("b60", "arc-pro-b60"), ("rtx_pro_6000_server", "rtx-pro-6000-server"), ("a40", "a40"),
        ("a40_pairwise_nvlink", "a40-paired"), ("a100_pairwise_nvlink", "a100-pcie-80gb-paired"), ("h100_pairwise_nvlink", "h100-pcie-paired"),
        ("a100_dgx", "a100-sxm-80gb-p4de"), ("h100_dgx", "h100-sxm"),
        # as people write them
        ("A100 PCIe-40", "a100-pcie-40gb"), ("A100 PCIe-80", "a100-pcie-80gb"), ("A100 SXM-40", "a100-sxm-40gb"), ("A100 SXM-80", "a100-sxm-80gb"),
        ("TITAN X (Maxwell)", "titan-x-maxwell"), ("TITAN X (Pascal)", "titan-x-pascal"), ("RTX PRO 6000 (server)", "rtx-pro-6000-server"),
        ("RTX PRO 6000 (workstation)", "rtx-pro-6000-workstation"), ("MI250(X)", "mi250x"), ("Xeon SPR", "xeon-platinum-8480"), ("EPYC Genoa", "epyc-9654"),
        ("a phone SoC", "snapdragon-8-gen-3"), ("4070", "rtx-4070"), ("Jetson Orin", "jetson-agx-orin"), ("Cerebras WSE-3", "cerebras-wse3"), ("a T4", "t4"),
        ("Tenstorrent Wormhole", "tenstorrent-wormhole-n150"), ("Tenstorrent Blackhole", "tenstorrent-blackhole-p150"), ("LPU", "groq-lpu"),
        ("IPU", "graphcore-gc200"), ("NVIDIA GH200 144G HBM3e", "gh200-144gb"), ("Intel(R) Xeon Phi(TM) CPU 7250 @ 1.40GHz", "xeon-phi-7250"),
        ("IA_7250", "xeon-phi-7250"), ("AMD_Vega", "vega-fe"), ("NVSwitch", "nvlink4"), ("NVSwitch 2", "nvlink3"), ("EDR", "infiniband-edr"),
        ("HDR", "infiniband-hdr"), ("NDR", "infiniband-ndr"), ("XDR", "infiniband-xdr"),
    ],
)  # fmt: skip
def test_names_that_tools_print(typed: str, name: str) -> None:
    assert catalog.find(typed).spec.name == name


@pytest.mark.parametrize(("typed", "name"), [
    ("a Frontier node", "frontier-node"), ("an SN40L node", "sn40l-node"), ("TPU v4 slice", "tpu-v4-slice-64"), ("TPU v5p slice", "tpu-v5p-slice-64"),
    ("NVIDIA Tegra X1", "jetson-tx1"), ("DGX-1", "dgx-v100"), ("DGX-B200", "dgx-b200"), ("GB200 NVL72", "gb200-nvl72"),
])  # fmt: skip
def test_names_of_systems_as_people_write_them(typed: str, name: str) -> None:
    assert catalog.find_system(typed).name == name


@pytest.mark.parametrize(("typed", "near"), [
    ("Tenstorrent", ["tenstorrent-wormhole-n150", "tenstorrent-wormhole-n300"]), ("Apple M4", ["apple-m4-max"]), ("v4", ["tpu-v4", "tpu-v4-pod"]),
    ("Raspberry Pi", ["raspberry-pi-3", "raspberry-pi-4", "raspberry-pi-5"]), ("ICI", ["ici-v2", "ici-v7"]), ("H100 SMX", ["h100-sxm"]),
])  # fmt: skip
def test_a_name_of_several_gets_them_to_choose_from(typed: str, near: list[str]) -> None:
    with pytest.raises(NameMiss) as miss:
        catalog.find(typed)
    assert set(near) <= set(miss.value.near)


def test_aliases_are_unique_across_files() -> None:
    names = Counter(normal(f.stem) for f in FILES)
    for file in FILES:
        names.update({normal(alias) for alias in read_tree(file).get("aliases", ())} - {normal(file.stem)})
    assert [name for name, count in names.items() if count > 1] == []


def test_aliases_on_one_line_or_several_are_those_of_the_yaml() -> None:
    """The index finds aliases without parsing; it must find what the parser finds."""
    for file in FILES:
        for alias in read_tree(file).get("aliases", ()):
            assert catalog._file_of(str(alias), "machine") == file, alias


@pytest.mark.parametrize("name", SHIPPED_CHIPS)
def test_nearer_tier_is_not_slower(name: str) -> None:
    tiers = chip_of(name).tiers
    for near, far in pairwise(tiers):
        assert near.bandwidth_byte_per_s >= far.bandwidth_byte_per_s, (near.name, far.name)
        assert near.latency_s <= far.latency_s, (near.name, far.name)


@pytest.mark.parametrize("name", SHIPPED_CHIPS)
def test_matrix_units_are_not_slower_than_vector_units(name: str) -> None:
    """In the same format always; and every format narrower than fp64 beats the vector rate in fp32."""
    for engine in chip_of(name).engines:
        vector = engine.vector_flop_per_s
        for form, rate in engine.matrix_flop_per_s.items():
            assert rate >= vector.get(form, 0.0), form
            assert form == "fp64" or rate >= vector.get("fp32", 0.0), form


@pytest.mark.parametrize("name", SHIPPED_CHIPS)
def test_peak_is_units_times_clock(name: str) -> None:
    """16-bit matrix peak = multiprocessors x a power of two x clock, or multiply-accumulators x 2 x clock: never a rate with sparsity."""
    chip = chip_of(name)
    for engine in chip.engines:
        if isinstance(engine, KernelEngine):
            peak = engine.multiprocessors * FLOP_PER_CLOCK[chip.generation] / REDUCED.get(name, 2 if GEFORCE.fullmatch(name) else 1) * engine.clock_hz
            assert engine.matrix_flop_per_s.get("fp16", 0.0) == pytest.approx(peak, rel=0.02)
        if isinstance(engine, SpatialEngine):
            peak = engine.arrays * engine.rows * engine.columns * 2 * engine.clock_hz
            rates = engine.matrix_flop_per_s
            assert next(rates[f] for f in ("bf16", "int8", "fp16") if f in rates) == pytest.approx(peak, rel=0.01)


@pytest.mark.parametrize("name", [n for n in SHIPPED_CHIPS if catalog.find(n).path.split("/")[-2] == "gpu"])
def test_gpu_says_what_a_tile_model_needs(name: str) -> None:
    chip = chip_of(name)
    assert chip.tdp_w and chip.node_m
    assert [t.name for t in chip.tiers][-1] == "host"
    engine = chip.engine
    if isinstance(engine, KernelEngine):
        assert engine.shared_byte and engine.register_byte
        cited = catalog.find(name).citations
        for key in ("multiprocessors", "clock", "shared", "register", "shared_byte_per_clock", "special_per_clock"):
            assert f"engines.{engine.name}.{key}" in cited


def measured_names() -> list[str]:
    """Every device and hardware name of the shared measurements."""
    if not SHARED.is_dir():
        return []
    parquet = pytest.importorskip("pyarrow.parquet")
    names: set[str] = set()
    for file in sorted(SHARED.glob("*.parquet")):
        columns = [c for c in ("device", "hardware") if c in parquet.read_schema(file).names]
        if columns:
            table = parquet.read_table(file, columns=columns)
            names.update(str(n) for c in columns for n in table.column(c).unique().to_pylist())
    return sorted(names)


def test_measured_devices_resolve() -> None:
    """'NAME x4' in the tables means four of them: the catalogue writes '4xNAME'."""
    if not SHARED.is_dir():
        pytest.skip(f"no measurements at {SHARED}: they are shared beside the repository, not part of it")
    names = measured_names()
    assert names
    for name in names:
        device, _, many = name.partition(" x")
        system = catalog.find_system(f"{many}x{device}" if many else device)
        assert system.chips == float(many or 1)
