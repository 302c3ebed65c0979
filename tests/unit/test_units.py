"""Units: does text become the right number, is every wrong one refused with a remedy, and is a number shown as people write it?"""

from __future__ import annotations

import math

import pytest

from magnitudes.units import PREFIXES, SHOWN, SUFFIXES, UnitError, bare_name, dimension_of, parse, read, show


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("3.35 TB/s", "bandwidth_byte_per_s", 3.35e12), ("3.35TB/s", "bandwidth_byte_per_s", 3.35e12), ("900 Gbit/s", "bandwidth_byte_per_s", 900e9 / 8),
        ("400 Gbps", "bandwidth_byte_per_s", 400e9 / 8), ("80 GB", "capacity_byte", 80e9), ("80 GiB", "capacity_byte", 80 * 2**30),
        ("256 KiB", "shared_byte", 256 * 1024), ("50 kB", "shared_byte", 50_000), ("989 TFLOP/s", "matrix_flop_per_s", 989e12),
        ("989 TFLOPS", "matrix_flop_per_s", 989e12), ("1979 TOP/s", "matrix_flop_per_s", 1979e12), ("10 TMAC/s", "matrix_flop_per_s", 20e12),
        ("1.98 GHz", "clock_hz", 1.98e9), ("500 ns", "latency_s", 500e-9), ("2 us", "latency_s", 2e-6), ("2 µs", "latency_s", 2e-6), ("1.5 h", "time_s", 5400),
        ("2 min", "time_s", 120), ("700 W", "tdp_w", 700), ("4.05 pJ/bit", "read_energy_j_per_byte", 4.05e-12 * 8), ("1 pJ/FLOP", "x_j_per_flop", 1e-12),
        ("814 mm2", "area_m2", 814e-6), ("4 nm", "node_m", 4e-9), ("2.5 USD/h", "rent_usd_per_h", 2.5), ("30 kUSD", "price_usd", 30e3),
        ("132", "multiprocessors", 132), ("1_024", "rows", 1024), (".5", "share", 0.5), ("1e3", "rows", 1000), ("0", "latency_s", 0), ("-3 W", "x_w", -3),
        ("150 FLOP/byte", "x_flop_per_byte", 150), ("40 token/s", "x_token_per_s", 40), ("5 1/s", "x_per_s", 5),
    ],
)  # fmt: skip
def test_text_becomes_base_units(text: str, field: str, value: float) -> None:
    assert parse(text, field) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "field", "says"),
    [
        ("3.35 TB/q", "bandwidth_byte_per_s", "unknown unit"), ("3.35 TeraB/s", "bandwidth_byte_per_s", "unknown unit"), ("fast", "clock_hz", "no number"),
        ("", "clock_hz", "no number"), ("nan Hz", "clock_hz", "no number"), ("inf", "clock_hz", "no number"), ("1e400 Hz", "clock_hz", "too large"),
        ("1e300 THz", "clock_hz", "too large"),
        ("3.35 TB", "bandwidth_byte_per_s", "has unit byte"), ("3.35", "bandwidth_byte_per_s", "has no unit"), ("132 W", "multiprocessors", "bare count"),
        ("80 GHz", "capacity_byte", "capacity is in B"), ("1 kmin", "time_s", "unknown unit"), ("5 TB/s/s", "x_byte_per_s", "unknown unit"),
        ("1,000", "rows", "unknown unit"), ("5 GB per s", "x_byte_per_s", "unknown unit"), ("--5 W", "x_w", "no number"),
        ("5 mHzz", "clock_hz", "did you mean"),
    ],
)  # fmt: skip
def test_wrong_text_is_refused_and_named(text: str, field: str, says: str) -> None:
    with pytest.raises(UnitError, match=says) as refusal:
        parse(text, field)
    assert text in str(refusal.value) or "unknown unit" in str(refusal.value)


@pytest.mark.parametrize("dimension", SHOWN)
@pytest.mark.parametrize("mantissa", [1.0, 2.5, 7.0])
@pytest.mark.parametrize("power", [-12, -9, -3, 0, 3, 9, 12])
def test_what_is_shown_reads_back(dimension: str, mantissa: float, power: int) -> None:
    value = mantissa * 10.0**power
    shown = show(value, dimension)
    number = shown.split()[0]
    assert "e" not in number
    if dimension in ("m2", "token/s", "usd", "usd/h", "flop/byte", "1/s") or dimension == "":
        return  # their prefixed units are for people only
    assert read(shown).value == pytest.approx(value, rel=5e-3)
    assert read(shown).dimension == dimension


@pytest.mark.parametrize(
    ("value", "field", "shown"),
    [
        (3.35e12, "bandwidth_byte_per_s", "3.35 TB/s"), (989e12, "matrix_flop_per_s", "989 TFLOP/s"), (80e9, "byte", "80 GB"), (0.0, "latency_s", "0 s"),
        (5e-7, "latency_s", "500 ns"), (999.9e9, "byte", "1 TB"), (1234567.0, "", "1.23 M"), (12.0, "", "12"), (700.0, "tdp_w", "700 W"),
        (math.inf, "latency_s", "inf s"), (-2e-3, "time_s", "-2 ms"), (1.0e-3, "j", "1 mJ"), (61.0, "s", "61 s"),
    ],
)  # fmt: skip
def test_numbers_are_shown_as_people_write_them(value: float, field: str, shown: str) -> None:
    assert show(value, field) == shown


def test_significant_digits() -> None:
    assert show(1.98764e9, "clock_hz") == "1.99 GHz"
    assert show(1.98764e9, "clock_hz", 5) == "1.9876 GHz"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_suffix_is_a_dimension_and_leaves_the_bare_name(suffix: str) -> None:
    field = f"thing{suffix}"
    assert dimension_of(field) == SUFFIXES[suffix]
    assert bare_name(field) == "thing"


def test_longer_suffixes_win() -> None:
    assert dimension_of("read_byte_per_s") == "byte/s"
    assert dimension_of("energy_j_per_byte") == "j/byte"
    assert dimension_of("multiprocessors") == ""
    assert bare_name("multiprocessors") == "multiprocessors"


def test_prefixes_are_powers() -> None:
    assert PREFIXES["Ki"] == 1024
    assert PREFIXES["T"] / PREFIXES["G"] == pytest.approx(1000)
    assert PREFIXES["u"] == PREFIXES["µ"]
