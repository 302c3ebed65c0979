"""Published systems reproduced: one file a system, its claims as data. One visible table; a system is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from magnitudes.names import NameMiss, nearest, normal

if TYPE_CHECKING:
    from roofscape.reproductions.claim import Claim, Outcome
    from roofscape.reproductions.shared import Shared

# system -> the module that has its CLAIMS
SYSTEMS = {
    "fusemax": "roofscape.reproductions.fusemax",
    "sn40l": "roofscape.reproductions.sn40l",
    "sdpa-dataflow": "roofscape.reproductions.sdpa_dataflow",
    "instinfer": "roofscape.reproductions.instinfer",
    "gemmini": "roofscape.reproductions.gemmini",
    "attacc": "roofscape.reproductions.attacc",
    "duplex": "roofscape.reproductions.duplex",
    "pim-gpt": "roofscape.reproductions.pim_gpt",
    "intar": "roofscape.reproductions.intar",
    "lut-tensor-core": "roofscape.reproductions.lut_tensor_core",
    "t3": "roofscape.reproductions.t3",
    "ngpc": "roofscape.reproductions.ngpc",
    "genz": "roofscape.reproductions.genz",
    "gpipe": "roofscape.reproductions.gpipe",
    "long-context": "roofscape.reproductions.long_context",
    "zero": "roofscape.reproductions.zero",
    "zero-offload": "roofscape.reproductions.zero_offload",
    "zero-infinity": "roofscape.reproductions.zero_infinity",
    "megatron": "roofscape.reproductions.megatron",
}


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A published system and its claims.

    Parameters
    ----------
    name : str
    title : str
        Authors, work and year.
    claims : tuple of Claim
    """

    name: str
    title: str
    claims: tuple[Claim, ...]


def find_reproduction(name: str) -> Reproduction:
    """The system of that name.

    Raises
    ------
    NameMiss
        With the near match, if there is none.
    """
    known = {normal(s): s for s in SYSTEMS}
    if normal(name) not in known:
        raise NameMiss("system", name, nearest(name, SYSTEMS), f"(known: {', '.join(SYSTEMS)})")
    system = known[normal(name)]
    module = import_module(SYSTEMS[system])
    return Reproduction(system, module.TITLE, module.CLAIMS)


def reproduce(
    names: Sequence[str] = (), shared: Shared | None = None, progress: Callable[[int, int, str], None] = lambda *_: None
) -> tuple[Outcome, ...]:  # fmt: skip
    """Published results beside ours.

    Parameters
    ----------
    names : sequence of str
        Systems; all of `SYSTEMS`, if none is named.
    shared : Shared, optional
        Reference tables; those of ``../shared/data``, if not said. Claims that need one that is absent are skipped, saying so.
    progress : callable
        Told how many claims are done, of how many, and which is next.

    Raises
    ------
    NameMiss
        If a system is not known.
    """
    from roofscape.reproductions.claim import outcome
    from roofscape.reproductions.shared import find_shared

    systems = [find_reproduction(name) for name in dict.fromkeys(names or SYSTEMS)]
    claims = [claim for system in systems for claim in system.claims]
    data = shared or find_shared()
    outcomes = []
    for done, claim in enumerate(claims):
        progress(done, len(claims), f"{claim.system}: {claim.claim}")
        outcomes.append(outcome(claim, data))
    progress(len(claims), len(claims), "done")
    return tuple(outcomes)
