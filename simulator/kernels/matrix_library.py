"""What matrix libraries do on a generation of chips: tile menus, scheduling, splits, and how well their kernels issue.

The values are in ``calibration/matrix.json`` with their provenance; here they get names and meanings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from magnitudes.arrays import Real, choose
from magnitudes.datatypes import AnyDataType, DataType, DataTypeChoice
from simulator.calibration import derived, table
from simulator.machine import Machine, matrix_format

Tiles = tuple[tuple[float, float], ...]

# Where a multiprocessor has as many fp32 lanes as it issues instructions a clock (128, one a thread; vendor's whitepapers), loads take
# the turn of arithmetic: a thread's 8 x 8 sums take 64 multiply-adds a step, 4 loads of 16 bytes and about 2 instructions around them.
# Volta, Turing and GA100 have half as many lanes; Maxwell and Pascal issue two instructions a clock from a warp.
FULL_ISSUE = ("ampere_ga10x", "ampere_ga10b", "ada", "hopper", "blackwell", "blackwell_gb20x")
# Vendors' libraries of products alone: operands come in their narrow format, tiles are swizzled. Serving stacks quantise in front, with kernels
# of their own: no measured table has a vendor's. In four bits what formats have in common before any fit (`calibration/tasks.py`) stands, in eight the
# rate of the best kernels that are measured, those of scaled blocks (chosen with `tests/validation/published.csv` in sight).
PRODUCTS_ALONE = ("cublaslt", "hipblaslt")
FOUR_BIT_RATE = 0.75
# Matrix units fed through registers: a thread loads a part of the tile and stores it to shared memory (asynchronous copies came with GA100).
NODE_NM = 5.0  # against which energies are stated
# Their smallest tile is 64 by 64 (volta_fp16_s884gemm_fp16_64x64 to 256x128, as profilers name cuBLAS's kernels).
STAGED = ("volta", "turing")
FULL_ISSUE_SHARE = 64.0 / (64.0 + 4.0 + 2.0)


@dataclass(frozen=True, slots=True)
class Scheduling:
    """How a library walks over the tiles of a product.

    Parameters
    ----------
    tiles : tuple of (rows, columns)
        The menu.
    wave : float
        Share of the wave quantisation that is felt: the rest evens out over co-resident blocks.
    feed : float
        Share of the cache's bandwidth that feeds the tiles (above 1: one read serves a cluster).
    port : float
        Bytes a clock from the cache into one multiprocessor.
    fill_clk : float
        Clocks to fill the load pipeline of the first tile.
    epilogue : float
        Share of the output's stores that the next tile does not hide.
    store : float
        Share of the cache's bandwidth at which all tiles together store their output.
    split_clk, split_min_k : float
        Clocks of the hand-over between splits of the contraction, and the shortest split.
    dram_sustained : float
        Share of the memory's bandwidth that a full chip sustains.
    overlap_loss : float
        Share of arithmetic or memory that is not hidden where both last as long.
    ramp : float
        Memory latencies until all of its bandwidth is drawn, and after it is.
    tile_switch : float
        Memory latencies between two waves of 128x128 tiles.
    throttle_s : float
        Time for which the chip must be busy before half of the power limit is felt.
    half_side : float
        Tile side at which operand loads beside the arithmetic halve the rate of fp32 kernels.
    second_share : float
        Share of the second operand's tile that a multiprocessor loads itself: half where two of them work as a pair (Blackwell's
        ``cta_group::2`` matrix instructions: PTX ISA 8.6, tcgen05; CUTLASS calls them 2SM).
    pick_s : float
        Time in which the library picks a kernel for an eager call, before it launches it: linear layers with a bias ask cuBLASLt's heuristic
        each time (PyTorch, ``gemm_and_bias``), batched products do not.
    staged : bool
        Whether loads pass registers, so that one step of the contraction alone is on its way.
    """

    tiles: Tiles
    wave: float
    feed: float
    port: float
    fill_clk: float
    epilogue: float
    store: float
    split_clk: float
    split_min_k: float
    dram_sustained: float
    overlap_loss: float
    ramp: float
    tile_switch: float
    throttle_s: float
    half_side: float = 0.0
    second_share: float = 1.0
    pick_s: float = 0.0
    staged: bool = False


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """What a format means to the library.

    Parameters
    ----------
    issue : Real
        Sustained share of the datasheet rate in a full main loop.
    pj_per_flop : Real
        Switching energy at a 5 nm node and 1.4 GHz.
    max_split : Real
        Splits of the contraction that its kernels offer; 1 for none.
    naive_raster : Real
        1 where tiles sweep whole columns, so that the activations are read again for each; else 0.
    front_s, row_s, first_rows_s : Real
        Fixed cost of what runs before the product (quantisation, scale layout), its cost a row of the activations, and of the first rows.
    quantised : Real
        1 where the activations are quantised by a kernel in front, else 0.
    packing : Real
        Small kernels between both. Where block scales are packed as exponents (UE8M0, Blackwell) the serving stacks do it in five: shift,
        cast, clear, pad, transpose (``get_col_major_tma_aligned_packed_tensor`` in DeepGEMM, TensorRT-LLM, SGLang and FlashInfer, 2025).
    """

    issue: Real
    pj_per_flop: Real
    max_split: Real
    naive_raster: Real = 0.0
    front_s: Real = 0.0
    row_s: Real = 0.0
    first_rows_s: Real = 0.0
    quantised: Real = 0.0
    packing: Real = 0.0


def is_persistent(generation: str) -> bool:
    """Whether kernels of a generation stay on a multiprocessor and take tile after tile."""
    return generation in table("matrix")["persistent_generations"]


def uses_matrix_units(machine: Machine, element: AnyDataType) -> bool:
    """Whether products in a format run on matrix units; for a choice of formats: in all of them."""
    options = element.options if isinstance(element, DataTypeChoice) else (element,)
    return all(matrix_format(machine.engine, o) is not None for o in options)


def coefficients(in_fp32: bool) -> dict[str, Any]:
    """The coefficients of one family of kernels: fp32 kernels come from other libraries and have their own."""
    c = table("matrix")
    return c | c["fp32"] if in_fp32 else c


def in_fp32(machine: Machine, element: AnyDataType) -> bool:
    """Whether products in a format are served by fp32 kernels; for a choice of formats: all of them."""
    options = element.options if isinstance(element, DataTypeChoice) else (element,)
    return all((matrix_format(machine.engine, o) or "fp32") in ("fp32", "fp64") for o in options)


def _vector_menus(menus: dict[str, Any], generation: str) -> dict[str, Any]:
    """A generation's menus for vector units; a name in their place says whose kernels the library ships for it."""
    own = menus.get(generation, {})
    return dict(menus[own] if isinstance(own, str) else own)


@derived
def scheduling(generation: str, on_matrix_units: bool, wide: bool, kind: str) -> Scheduling:
    """The menu and habits of a generation's library for one kind of product (``gemm``, ``linear``, ``bmm``), in fp32 where `wide`."""
    c = coefficients(wide)
    mode = "persistent" if on_matrix_units and is_persistent(generation) else "classic"
    staged = "staged" if on_matrix_units and not wide and generation in STAGED else ""
    if on_matrix_units:
        tiles, wave, half_side = c["matrix_tiles"][staged or mode], c["wave"][mode], 0.0
    else:
        tiles = _vector_menus(c["simt_tiles"], generation).get(kind, c["simt_tiles_default"])
        wave, half_side = c["wave"]["simt"], c["simt_halfside"]
    menu = tuple((float(m), float(n)) for m, n in tiles)
    feed = c["feed"][staged or mode]
    of_mode = {k: c[k][mode] for k in ("port", "fill_clk", "epilogue", "split_clk", "split_min_k", "ramp")}
    of_family = {k: c[k] for k in ("store", "dram_sustained", "overlap_loss", "tile_switch", "throttle_s")}
    return Scheduling(
        menu,
        wave,
        feed,
        **of_mode,
        **of_family,
        half_side=half_side,
        second_share=c["second_share"].get(generation, 1.0) if on_matrix_units else 1.0,
        pick_s=c["pick_s"] if kind == "linear" else 0.0,
        staged=bool(staged),
    )


def arithmetic(machine: Machine, element: AnyDataType, kind: str, library: str = "") -> Arithmetic:
    """What a format means on a machine; row by row where the format differs between designs."""
    alone = library in PRODUCTS_ALONE
    if not isinstance(element, DataTypeChoice):
        return _arithmetic(machine.chip.generation, _served_as(machine, element), element.name, kind, alone)
    each = [_arithmetic(machine.chip.generation, _served_as(machine, o), o.name, kind, alone) for o in element.options]
    names = ("issue", "pj_per_flop", "max_split", "naive_raster", "front_s", "row_s", "first_rows_s", "quantised", "packing")
    return Arithmetic(*(choose(element.index, [getattr(a, n) for a in each]) for n in names))


def _served_as(machine: Machine, element: DataType) -> str:
    """The format in which the units compute; empty for vector units."""
    return matrix_format(machine.engine, element) or ""


@derived
def _arithmetic(generation: str, served: str, name: str, kind: str, alone: bool) -> Arithmetic:
    c = coefficients(served in ("", "fp32", "fp64"))
    if not served:
        issue = c["issue"]["simt"] * (FULL_ISSUE_SHARE if generation in FULL_ISSUE else 1.0)
        return Arithmetic(issue, c["pj_per_flop"]["simt"], 1.0 if kind == "bmm" else c["max_split"])
    narrow = {"fp8": 0.5, "int8": 0.5, "fp6": 0.5, "fp4": 0.25, "int4": 0.25}.get(served, 1.0)
    per_flop = c["pj_per_flop"]["async" if is_persistent(generation) else "register"] * narrow
    if served in ("fp32", "tf32", "fp64"):
        per_flop = c["pj_per_flop"]["matrix32"] * (0.5 if served == "tf32" else 1.0)
    quantised = _quantised_as(name, served)
    rate = {"nvfp4": FOUR_BIT_RATE, "fp8": c["rate"]["fp8_block"]}.get(quantised, 1.0) if alone else c["rate"].get(quantised, 1.0)
    splits = 1.0 if quantised or kind == "bmm" else c["max_split"]
    return Arithmetic(c["issue"]["matrix"] * rate, per_flop, splits, **({} if alone else _front(c["quantise"], quantised, generation)))


def _quantised_as(name: str, served: str) -> str:
    """The family of kernels behind a narrow format: per token, per block, or scaled four-bit; empty for wide ones."""
    if served in ("fp4", "int4"):
        return "nvfp4"
    if served in ("fp8", "int8", "fp6"):
        return "fp8_block" if name == "fp8_block" else "fp8"
    return ""


def _front(c: dict[str, Any], quantised: str, generation: str) -> dict[str, float]:
    """What runs before the product."""
    if quantised == "fp8":
        return {"naive_raster": 1.0, "front_s": c["fp8_s"], "row_s": c["row_s"] / 8.0, "first_rows_s": c["fill_s"], "quantised": 1.0}
    if quantised == "fp8_block":
        return {"front_s": c["block_s"], "quantised": 1.0, "packing": c["packing_kernels"].get(generation, 0.0)}
    return {"front_s": c["fp4_s"]} if quantised == "nvfp4" else {}


def energy_scale(machine: Machine) -> Real:
    """Switching energy of an operation against a node of 5 nm."""
    published_nm = 7.0 if machine.chip.node_m is None else machine.chip.node_m * 1e9
    node_nm: Real = table("matrix")["node_nm"].get(machine.chip.generation, published_nm)
    return node_nm / NODE_NM


def density(machine: Machine) -> float:
    """What a generation switches on an area, against one of 5 nm: more on a finer node, if less than its transistors are more, for each takes less.

    Samsung's 8 nm of GA10x counts as the 12 nm that its transistors are nearer to: 45 million a mm2, GA100's 66, GV100's 26 (vendor's whitepapers).
    """
    c = table("matrix")
    node_nm = c["density_nm"].get(machine.chip.generation, c["node_nm"].get(machine.chip.generation, NODE_NM))
    return float((NODE_NM / node_nm) ** 0.5)


def usual_hz(machine: Machine) -> float:
    """Clock at which a generation reaches its rates (boost clocks of its parts): what it does a clock is its own, however fast a part is clocked."""
    hz = table("matrix")["usual_hz"]
    return float(hz.get(machine.chip.generation, hz["default"]))
