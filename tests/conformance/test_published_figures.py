"""The figures that move predictions most, against pages other than those that the specs cite."""

from __future__ import annotations

import pytest

from hardware_specs.catalog import find_system

# chip: dense bf16 [TFLOP/s], memory [GB/s], capacity [GB as written], board power [W]; each page was read
PAGES = {
    "h100-sxm": (989.4, 3350.0, 80.0, 700.0, "G. Lockwood, notes on processors, H100"),
    "b200": (2250.0, 8000.0, None, 1000.0, "G. Lockwood, notes on processors, B200 in an HGX at 1,000 W; capacity: 192 GB there, see the spec"),
    "l40s": (362.05, 864.0, 48.0, 350.0, "Mullet, product page of L40 and L40S, rates without sparsity"),
    "l40": (181.05, 864.0, 48.0, 300.0, "Mullet, product page of L40 and L40S, rates without sparsity"),
    "l4": (121.0, 300.0, 24.0, 72.0, "Grokipedia, L4 and L40S: 242 TFLOP/s with sparsity"),
    "mi300x": (None, 5300.0, 192.0, 750.0, "J. Watkins, MI300 series"),
    "gaudi-2": (432.0, 2460.0, 96.0, 600.0, "Intel, Hot Chips 2024, Gaudi product generations"),
    "gaudi-3": (1835.0, 3670.0, 128.0, 900.0, "Intel, Hot Chips 2024, Gaudi product generations"),
    "tpu-v5e": (197.0, 819.0, 16.0, None, "Google Cloud, TPU v6e documentation, column v5e; a later edition rounds to 800 GB/s"),
    "tpu-v6e": (918.0, 1640.0, 32.0, None, "Google Cloud, TPU v6e documentation; a later edition rounds to 1600 GB/s"),
    "tpu-v5p": (459.0, 2760.0, 95.0, None, "AI Wiki, TPU v5p"),
}


@pytest.mark.parametrize("name", PAGES)
def test_another_page_says_the_same(name: str) -> None:
    chip = find_system(name).chip
    memory = next(t for t in chip.tiers if t.name == chip.engine.beside[-1])
    rate, bandwidth, capacity, power, page = PAGES[name]
    ours = (chip.engine.matrix_flop_per_s["bf16"] / 1e12, memory.bandwidth_byte_per_s / 1e9, memory.capacity_byte / 2**30, chip.tdp_w)
    for own, published in zip(ours, (rate, bandwidth, capacity, power), strict=True):
        if published is not None:
            assert own == pytest.approx(published, rel=0.006), page
