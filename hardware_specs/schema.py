"""Every accelerator as one shape: compute engines, each beside its memory tiers, joined by links.

All types are frozen. Any numeric field may be a float, a column (a row a design) or an interval. A field's suffix is its
unit; `hardware_specs.loader` fills it from text such as ``bandwidth: 3.35 TB/s``. A value that nobody publishes is None,
and what needs it says so instead of guessing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from magnitudes.arrays import Real


@dataclass(frozen=True, slots=True)
class Tier:
    """One level of memory.

    Parameters
    ----------
    kind : str
        Technology, for example ``HBM3``, ``SRAM``, ``DDR5``, ``NAND``.
    capacity_byte, bandwidth_byte_per_s : Real
        Datasheet capacity, and peak read bandwidth as the engines beside it see it.
    write_bandwidth_byte_per_s : Real, optional
        Peak write bandwidth, where it differs from reading.
    latency_s : Real
        Time from request to first byte, unloaded.
    read_energy_j_per_byte, write_energy_j_per_byte : Real, optional
        Energy of moving a byte to the engine and back.
    """

    name: str
    kind: str
    capacity_byte: Real
    bandwidth_byte_per_s: Real
    write_bandwidth_byte_per_s: Real | None = None
    latency_s: Real = 0.0
    read_energy_j_per_byte: Real | None = None
    write_energy_j_per_byte: Real | None = None


@dataclass(frozen=True, slots=True)
class Engine:
    """What all compute engines share.

    Parameters
    ----------
    beside : tuple of str
        Tiers that the engine reads and writes, nearest first; the last is its main memory, which holds weights and caches.
    matrix_flop_per_s : mapping of str to Real
        Dense peak of the matrix units by arithmetic format, at `clock_hz`. Empty where there are none.
    vector_flop_per_s : mapping of str to Real
        Peak of the vector units by format (a fused multiply-add is two).
    clock_hz : Real
        Highest (boost) clock, to which the peaks refer.
    internal_byte_per_s : Real, optional
        Peak that this engine reads from its main memory, where others see that through its pins or over a link (`Tier.bandwidth_byte_per_s`).
    serves : tuple of str
        Kinds of operators that it can run (``contraction``, ``attention``, ...); all of them, where none is named.
    operation_energy_j : mapping of str to Real
        Energy of one ``multiply_add``, ``add``, ``compare``, ``exponential``, ``divide`` or ``register`` (a byte of it), where the maker says; what it
        does not say comes from `simulator.energy_tables`, at the chip's node.
    """

    execution: ClassVar[str] = ""

    name: str
    beside: tuple[str, ...]
    clock_hz: Real
    vector_flop_per_s: Mapping[str, Real]
    matrix_flop_per_s: Mapping[str, Real] = field(default_factory=dict)
    internal_byte_per_s: Real | None = None
    serves: tuple[str, ...] = ()
    operation_energy_j: Mapping[str, Real] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KernelEngine(Engine):
    """Multiprocessors that run one kernel after another, each a grid of tiles in waves (GPU).

    Parameters
    ----------
    multiprocessors : Real
        Streaming multiprocessors or compute units.
    base_clock_hz : Real
        Clock that the vendor guarantees under the power limit.
    shared_byte, register_byte : Real
        Shared memory (most a kernel may use) and register file of one multiprocessor.
    shared_byte_per_clock : Real
        Bytes that one multiprocessor reads from shared memory a clock.
    special_per_clock : Real
        Exponentials that the special-function units of one multiprocessor finish a clock.
    above_boost : Real, optional
        How many times the printed boost clock the chip runs at where power, heat and voltage allow: cards for games print a clock that is
        usual, not the highest. All rates and `clock_hz` are raised by it.
    """

    execution: ClassVar[str] = "kernel"

    multiprocessors: Real = 1.0
    base_clock_hz: Real | None = None
    shared_byte: Real | None = None
    register_byte: Real | None = None
    shared_byte_per_clock: Real = 128.0
    special_per_clock: Real = 16.0
    above_boost: Real | None = None


@dataclass(frozen=True, slots=True)
class SpatialEngine(Engine):
    """2-D arrays of processing elements fed by a buffer, with a dataflow (TPU, NVDLA, Eyeriss, FuseMax).

    Parameters
    ----------
    arrays, rows, columns : Real
        Arrays, and processing elements along each side of one.
    dataflow : str
        ``weight``, ``output``, ``input`` or ``row`` stationary.
    loaded_rows : Real, optional
        Rows of a held operand that enter an array a clock; one, if not said.
    vector_lanes : Real
        Lanes of the 1-D unit beside the array.
    lane_exponential : Real, optional
        Steps that a lane spends on an exponential: one where it has a unit for it, several where it is a polynomial.
    element_exponential : Real, optional
        The same of a processing element; None where elements multiply and add only.
    element_weight_byte, element_input_byte, element_sum_byte : Real, optional
        Registers of one element for weights, inputs and sums, where it keeps more than the one that its dataflow holds. Sums may lie in accumulators behind a
        column instead: then they are those of the column.
    requests : Real, optional
        Requests to memory in flight at once, of an array that commands drive (Gemmini). None elsewhere, as all that follows, which says how they are served.
    answer_clocks : Real, optional
        Clocks from a request to its answer, where the system's cache has it.
    line_byte, bus_byte, memory_bus_byte : Real, optional
        Largest request, which is a line of that cache; bytes a clock from the cache, and from the memory behind it.
    cache_byte, cache_ways, last_cache_byte : Real, optional
        The system's cache, its ways, and a last one on the side of memory.
    least_rows : Real, optional
        Rows that one command streams through the array at least.
    call_clocks, product_call_clocks : Real, optional
        Clocks in which the host processor calls for one tile of a convolution, and of a product.
    """

    execution: ClassVar[str] = "spatial"

    arrays: Real = 1.0
    rows: Real = 1.0
    columns: Real = 1.0
    dataflow: str = "weight"
    vector_lanes: Real = 0.0
    loaded_rows: Real | None = None
    lane_exponential: Real | None = None
    element_exponential: Real | None = None
    element_weight_byte: Real | None = None
    element_input_byte: Real | None = None
    element_sum_byte: Real | None = None
    requests: Real | None = None
    answer_clocks: Real | None = None
    line_byte: Real | None = None
    bus_byte: Real | None = None
    memory_bus_byte: Real | None = None
    cache_byte: Real | None = None
    cache_ways: Real | None = None
    last_cache_byte: Real | None = None
    least_rows: Real | None = None
    call_clocks: Real | None = None
    product_call_clocks: Real | None = None


@dataclass(frozen=True, slots=True)
class NearMemoryEngine(Engine):
    """Units inside or beside a memory, driven by its commands (PIM, Logic-PIM, computational flash).

    Parameters
    ----------
    at : str
        Where the units sit: ``bank``, ``bank_group``, ``buffer_die``, ``logic_die``, ``channel`` or ``flash_channel``.
    channels, pseudo_channels, ranks, bank_groups : Real
        Memory channels, pseudo-channels of a channel, ranks of a pseudo-channel, bank groups of a rank.
    banks, units : Real
        Banks a channel (in all its ranks and groups), and compute units in all.
    vectors : Real
        Vectors that a unit multiplies with a column while it is read: 1 where columns and arithmetic keep step.
    held_vectors : Real, optional
        Vectors that a column serves once it was read, `vectors` at a time, while its row stays open. As many as `vectors`, where it is not said: the
        next ones read the column again, from a row that is opened again.
    column_byte, row_byte : Real
        Bytes that a unit takes from one column access, and those of its open row.
    column_to_column_s, column_to_column_short_s : Real
        tCCD_L between columns of a bank group, and tCCD_S between those of different groups: the pace of the bus. Short is long where it is not said.
    mac_to_mac_s : Real
        Least time between two multiply commands that the power budget allows.
    activate_s, precharge_s, read_to_precharge_s : Real
        tRCD, tRP, tRTP.
    activate_to_activate_s, four_activate_s : Real
        tRRD and tFAW.
    banks_at_once : Real, optional
        Banks that one activation opens together; all units of a rank, where it is not said.
    refresh_s, refresh_interval_s : Real
        tRFC and tREFI.
    bus_byte_per_s : Real, optional
        Peak of all channels' buses between units and companion chip; a column a tCCD_S on each channel, where it is not said.
    companion_byte : Real
        Memory of the companion chip: activations that fit there do not cross the bus.
    dies : Real
        Dies that the units of a buffer or logic die share: what all of them need is sent once to each. Units elsewhere are reached channel by channel.
    start_s : Real
        Time to start one operator: mode change and command set-up.
    unpaired : str
        How a head that has no partner to hide its softmax behind takes its weights: ``once``, or ``chunks``: again after each chunk of scores.
    """

    execution: ClassVar[str] = "near_memory"

    at: str = "bank"
    channels: Real = 1.0
    pseudo_channels: Real = 1.0
    ranks: Real = 1.0
    bank_groups: Real = 1.0
    banks: Real = 1.0
    units: Real = 1.0
    vectors: Real = 1.0
    held_vectors: Real | None = None
    column_byte: Real = 32.0
    row_byte: Real = 1024.0
    column_to_column_s: Real = 0.0
    column_to_column_short_s: Real | None = None
    mac_to_mac_s: Real = 0.0
    activate_s: Real = 0.0
    precharge_s: Real = 0.0
    read_to_precharge_s: Real = 0.0
    activate_to_activate_s: Real = 0.0
    four_activate_s: Real = 0.0
    banks_at_once: Real | None = None
    refresh_s: Real = 0.0
    refresh_interval_s: Real | None = None
    bus_byte_per_s: Real | None = None
    companion_byte: Real = 0.0
    dies: Real = 1.0
    start_s: Real = 0.0
    unpaired: str = "once"


@dataclass(frozen=True, slots=True)
class StreamingEngine(Engine):
    """Compute and memory units spread over a fabric, configured as a pipeline of fused stages (RDU, FPGA).

    Parameters
    ----------
    compute_units, memory_units : Real
    memory_unit_byte : Real
        On-chip memory of one memory unit.
    launch_s : Real
        Time in which the host starts one section.
    hardware_launch_s : Real, optional
        Time in which the chip's own sequencer starts the next; as long as the host's, if not said.
    program_s : Real
        Time in which the host loads the program of one stage's units, again with each section that it starts. A sequencer finds it loaded.
    orchestration : str
        ``host`` or ``hardware``: who starts the next section.
    switch_s : Real, optional
        Time to go from one section to the next without a launch, with what lies on chip kept there. None where every section is launched
        and finds its inputs in main memory.
    """

    execution: ClassVar[str] = "streaming"

    compute_units: Real = 1.0
    memory_units: Real = 1.0
    memory_unit_byte: Real = 0.0
    launch_s: Real = 0.0
    hardware_launch_s: Real | None = None
    program_s: Real = 0.0
    orchestration: str = "host"
    switch_s: Real | None = None


@dataclass(frozen=True, slots=True)
class HostEngine(Engine):
    """Cores of a general-purpose processor.

    Parameters
    ----------
    cores : Real
        Physical cores.
    base_clock_hz : Real
        Clock with all cores busy.
    """

    execution: ClassVar[str] = "host"

    cores: Real = 1.0
    base_clock_hz: Real | None = None


ENGINES: dict[str, type[Engine]] = {e.execution: e for e in (KernelEngine, SpatialEngine, NearMemoryEngine, StreamingEngine, HostEngine)}


@dataclass(frozen=True, slots=True)
class Link:
    """A connection between chips.

    Parameters
    ----------
    kind : str
        Technology, for example ``nvlink``, ``xgmi``, ``ici``, ``pcie``, ``ucie``, ``infiniband``, ``ethernet``.
    topology : str
        ``switch`` (full bandwidth between any two), ``mesh`` (a direct wire to each), ``ring``, ``torus`` or ``host`` (through the root complex).
    bandwidth_byte_per_s : Real
        Peak of one chip in one direction, all its lanes together.
    latency_s : Real
        One hop, unloaded.
    j_per_byte : Real, optional
    """

    name: str
    kind: str
    topology: str
    bandwidth_byte_per_s: Real
    latency_s: Real
    j_per_byte: Real | None = None


@dataclass(frozen=True, slots=True)
class FabricLevel:
    """A link, and how many chips it joins in all (inner levels included)."""

    link: Link
    chips: float


@dataclass(frozen=True, slots=True)
class Chip:
    """One accelerator or processor: its tiers (nearest first), its engines, its power.

    Parameters
    ----------
    family, generation : str
        For example ``gpu`` and ``hopper``; the generation selects library properties such as tile menus, never a correction.
    tiers : tuple of Tier
        Nearest to the engines first. A tier behind an engine's main memory is where data spills, if asked.
    tdp_w, idle_w : Real, optional
        Power limit of the part, and its draw when idle.
    node_m, area_m2, price_usd, rent_usd_per_h : Real, optional
        Process node, die area (all dies that compute, and where it is known those below them with cache and links), list price, rent.
    fits : str
        File with what libraries make of this very machine, beside the spec, as `roofscape calibrate` writes it. Empty: as on others of its kind.
    """

    name: str
    title: str
    vendor: str
    family: str
    generation: str
    tiers: tuple[Tier, ...]
    engines: tuple[Engine, ...]
    year: float | None = None
    tdp_w: Real | None = None
    idle_w: Real | None = None
    node_m: Real | None = None
    area_m2: Real | None = None
    price_usd: Real | None = None
    rent_usd_per_h: Real | None = None
    fits: str = ""

    def tier(self, name: str) -> Tier:
        """The tier of that name."""
        return next(t for t in self.tiers if t.name == name)

    @property
    def engine(self) -> Engine:
        """The first engine: the one that runs a whole model where nothing else is said."""
        return self.engines[0]

    def main_memory(self, engine: Engine) -> Tier:
        """The tier that holds weights and caches for an engine."""
        return self.tier(engine.beside[-1])

    def spill_tier(self, engine: Engine) -> Tier | None:
        """The tier behind an engine's main memory, if there is one."""
        names = [t.name for t in self.tiers]
        behind = names.index(engine.beside[-1]) + 1
        return self.tiers[behind] if behind < len(names) else None


@dataclass(frozen=True, slots=True)
class System:
    """Equal chips joined by levels of fabric, inner level first.

    Parameters
    ----------
    shared : Tier, optional
        Memory of the node's hosts that all chips share, where it is known: whole models are copied from there.
    """

    name: str
    chip: Chip
    chips: float = 1.0
    fabric: tuple[FabricLevel, ...] = ()
    shared: Tier | None = None
