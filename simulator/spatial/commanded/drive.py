"""How the commands of an array are served: what its spec says of it, and what was fitted where nothing is published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from hardware_specs.schema import SpatialEngine
from magnitudes.arrays import Real
from magnitudes.units import bare_name
from simulator.calibration import table
from simulator.machine import MachineError


@dataclass(frozen=True, slots=True)
class Drive:
    """What `hardware_specs.schema.SpatialEngine` says of an array that commands drive, all of it known."""

    requests: Real
    answer_clocks: Real
    line_byte: Real
    bus_byte: Real
    memory_bus_byte: Real
    cache_byte: Real
    cache_ways: Real
    last_cache_byte: Real
    least_rows: Real
    call_clocks: Real
    product_call_clocks: Real

    @property
    def last_clocks(self) -> Real:
        """Clocks by which a line that the last cache has holds the bus longer: memory's is narrower."""
        return self.line_byte / self.memory_bus_byte - self.line_byte / self.bus_byte


def drive_of(engine: SpatialEngine) -> Drive:
    """The drive of an engine.

    Raises
    ------
    MachineError
        If its spec leaves some of it open, naming what.
    """
    said = {f.name: getattr(engine, f.name) for f in fields(Drive)}
    open_ = [bare_name(name) for name, value in said.items() if value is None]
    if open_:
        raise MachineError(
            f"a mapping given cannot be followed on {engine.name}, whose spec does not say how commands are served (it lacks {', '.join(open_)}): "
            "leave the mapping out, or say it as gemmini does"
        )
    return Drive(**said)


@dataclass(frozen=True, slots=True)
class Fitted:
    """What nobody publishes.

    Parameters
    ----------
    memory_clocks : Real
        By which a line that no cache has holds the bus longer.
    product_call_clocks : Real
        In which the host calls for one tile of a product.
    start_clocks : Real
        Before the first call of a layer.
    """

    memory_clocks: Real
    product_call_clocks: Real
    start_clocks: Real


def fitted_for(drive: Drive) -> Fitted:
    """The constants in force: what was fitted, and what the drive says by itself where nothing was."""
    found: Mapping[str, float] = table("commanded")
    return Fitted(
        found.get("memory_clocks", drive.last_clocks), found.get("product_call_clocks", drive.product_call_clocks), found.get("start_clocks", 0.0)
    )  # fmt: skip
