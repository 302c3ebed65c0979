"""Timing of DRAM standards, in nanoseconds: one grade of each, as the published simulators that quote the documents have it.

Standards fix core timing of DDR and LPDDR; GDDR6 and HBM leave it to the vendor, so that those entries are what simulators assume of a part.
Clocks there are turned into time at the clock that stands beside them.
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


RAMULATOR = "Ramulator 2 (Luo et al., IEEE CAL 2023), src/dram/impl"
DRAMSIM = "DRAMsim3 (Li et al., IEEE CAL 2020), configs"
GEM5 = "gem5, src/mem/dram_interfaces"

# RCD, RP, RAS, RTP, CCD_S, CCD_L, RRD, FAW, RFC, REFI
GRADES = {
    g.name: g
    for g in (
        _grade(
            "HBM2E", f"3.2 Gb/s, 8 Gb a channel: a burst of 4 is 1.25 ns, twice that in a bank group (JESD235); core timing of {DRAMSIM}/HBM2_8Gb_x128.ini "
            f"(RCD 14, RP 14, RAS 34, RTP_S 4, RRD_S 4, FAW 30 ns), RFC 350 ns of {RAMULATOR}/HBM2.cpp for 8 Gb. Sources disagree: DRAMsim3 has 260 ns",
            14.0, 14.0, 34.0, 4.0, 1.25, 2.5, 4.0, 30.0, 350.0, 3900.0,
        ),
        _grade(
            "HBM3", "5.2 Gb/s, clocks of 0.769 ns, as AttAcc's simulator has it (scale-snu/attacc_simulator, ramulator2 HBM3_5.2Gbps: RCD 19, RP 19, RAS 45, "
            "RTP 8, CCD_S 2, CCD_L 4, RRD_S 2, FAW 39, REFI 5070), RFC 350 ns for 8 Gb",
            14.611, 14.611, 34.605, 6.152, 1.538, 3.076, 1.538, 29.991, 350.0, 3898.83,
        ),
        _grade(
            "GDDR6", f"clocks of 0.57 ns of {RAMULATOR}/GDDR6.cpp, preset GDDR6_2000_1350mV, as in SK hynix's AiM simulator (RCDRD 26, RP 26, RAS 53, "
            "RTP 4, RRD 7, FAW 28, RFC 210, REFI 3333); a burst of 16 at 16 Gb/s is 1 ns, in a bank group 6 clocks for 4",
            14.82, 14.82, 30.21, 2.28, 1.0, 1.5, 3.99, 15.96, 119.7, 1899.8,
        ),
        _grade(
            "DDR3-1600", f"11-11-11, 4 Gb, pages of 1 KB (JESD79-3): clocks of 1.25 ns of {DRAMSIM}/DDR3_4Gb_x8_1600.ini (RAS 28, RTP 6, CCD 4, RRD 5, FAW 24, "
            "RFC 208, REFI 6240)",
            13.75, 13.75, 35.0, 7.5, 5.0, 5.0, 6.25, 30.0, 260.0, 7800.0,
        ),
        _grade(
            "DDR4-3200", f"22-22-22, 8 Gb, pages of 1 KB (JESD79-4): clocks of 0.625 ns of {DRAMSIM}/DDR4_8Gb_x8_3200.ini (RAS 52, RTP 12, CCD 4 and 8, "
            "RRD_S 4, FAW 34, RFC 560, REFI 12480)",
            13.75, 13.75, 32.5, 7.5, 2.5, 5.0, 2.5, 21.25, 350.0, 7800.0,
        ),
        _grade(
            "DDR5-4800", f"40-39-39, 16 Gb, pages of 1 KB (JESD79-5): 39 clocks of 0.4167 ns; CCD and RRD 8 clocks, in a bank group 5 ns, FAW 32 clocks, "
            f"RTP 7.5, RFC 295, REFI 3900 ns as {GEM5}/ddr5.py has them from Micron's data sheet; RAS 32 ns",
            16.25, 16.25, 32.0, 7.5, 3.333, 5.0, 3.333, 13.333, 295.0, 3900.0,
        ),
        _grade(
            "LPDDR5-6400", f"16 banks in bank groups, burst of 16 (JESD209-5): {GEM5}/lpddr5.py (RCD 18, RP 18, RAS 42 ns, 2 clocks of 1.25 ns a burst, 4 in a "
            f"group, RRD 5, FAW 20 ns, RTP 7.5 ns less 2 clocks), RFC 280 ns for 16 Gb and REFI 3906 ns of {RAMULATOR}/LPDDR5.cpp",
            18.0, 18.0, 42.0, 5.0, 2.5, 5.0, 5.0, 20.0, 280.0, 3906.0,
        ),
    )
}  # fmt: skip
