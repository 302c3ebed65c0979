"""Timing of DRAM standards, in nanoseconds: one grade of each, as the named documents and the simulators that quote them have it.

GDDR6 and HBM leave core timing to the vendor: those entries are the usual values of published simulators, not of one part.
"""

from __future__ import annotations

from dataclasses import dataclass

from magnitudes.errors import InputError

NS = 1e-9


class TimingError(InputError):
    """A set of timing that contradicts itself."""


@dataclass(frozen=True, slots=True)
class DramTiming:
    """Least times between commands [s]; names as in the standards, without their t.

    Parameters
    ----------
    ccd_s, ccd_l : float
        Column to column in different bank groups, and in one.
    """

    name: str
    rcd: float
    rp: float
    ras: float
    rtp: float
    ccd_s: float
    ccd_l: float
    rrd: float
    faw: float
    rfc: float
    refi: float
    source: str = ""

    def __post_init__(self) -> None:
        rules = (
            (self.ccd_s <= self.ccd_l, "ccd_s is over ccd_l; columns of one bank group are the slower ones"),
            (self.ras >= self.rcd, "ras is under rcd; a row stays open at least until its first column"),
            (self.rrd <= self.faw, "rrd is over faw, which spans four activations; raise faw"),
            (self.rp + self.rfc + self.rcd < self.refi, "a refresh takes all of refi; raise refi or lower rfc"),
        )
        for holds, says in rules:
            if not holds:
                raise TimingError(f"DRAM timing {self.name}: {says}")


def _grade(name: str, source: str, *ns: float) -> DramTiming:
    rcd, rp, ras, rtp, ccd_s, ccd_l, rrd, faw, rfc, refi = (x * NS for x in ns)
    return DramTiming(name, rcd, rp, ras, rtp, ccd_s, ccd_l, rrd, faw, rfc, refi, source)


# RCD, RP, RAS, RTP, CCD_S, CCD_L, RRD, FAW, RFC, REFI
GRADES = {
    g.name: g
    for g in (
        _grade("HBM2E", "JESD235 family, 3.2 Gb/s, 8 Gb a channel", 14.0, 14.0, 33.0, 5.0, 1.25, 2.5, 2.5, 16.0, 350.0, 3900.0),
        _grade("HBM3", "JESD238 family as AttAcc's simulator has it, 5.2 Gb/s", 14.611, 14.611, 34.605, 6.152, 1.538, 3.076, 1.538, 29.991, 350.0, 3898.83),
        _grade("GDDR6", "JESD250 family, 16 Gb/s, vendor core timing", 12.0, 12.0, 28.0, 2.0, 1.0, 1.5, 4.0, 16.0, 120.0, 1900.0),
        _grade("DDR3-1600", "JESD79-3, 11-11-11, 4 Gb, pages of 1 KB", 13.75, 13.75, 35.0, 7.5, 5.0, 5.0, 6.0, 30.0, 260.0, 7800.0),
        _grade("DDR4-3200", "JESD79-4, 22-22-22, 8 Gb, pages of 1 KB", 13.75, 13.75, 32.0, 7.5, 2.5, 5.0, 2.5, 21.0, 350.0, 7800.0),
        _grade("DDR5-4800", "JESD79-5, 40-39-39, 16 Gb, pages of 1 KB", 16.0, 16.0, 32.0, 7.5, 3.333, 5.0, 3.333, 13.333, 295.0, 3900.0),
        _grade("LPDDR5-6400", "JESD209-5, 16 Gb, bank-group mode", 18.0, 18.0, 42.0, 7.5, 2.5, 5.0, 5.0, 20.0, 280.0, 3904.0),
    )
}  # fmt: skip
