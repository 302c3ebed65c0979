"""What serves beside a model: adapters, a draft, fusion groups."""

from __future__ import annotations

from collections.abc import Sequence

from hardware_specs.schema import System
from magnitudes.errors import InputError
from roofscape.named import model, system
from workloads.adapters import Adapted, Adapters
from workloads.draft_heads import DraftHead, Eagle, Medusa, head_for, names_head
from workloads.fusing import fusing
from workloads.model import Model
from workloads.speculation import Speculating


def with_groups(of: str | Model, on: str | System, groups: Sequence[Sequence[str]]) -> Model:
    """A model with fusion groups, for a machine that runs several operators as one.

    Raises
    ------
    InputError
        If the machine does not, or the groups are none.
    """
    chip = system(on).chip
    if chip.engine.execution != "streaming":
        raise InputError(
            f"{chip.name} runs {chip.engine.execution}, where libraries decide what is fused: fusion groups are for streaming chips such as sn40l or u280"
        )
    return fusing(model(of), groups)


def draft_of(of: Model, draft: str | Model | DraftHead) -> Model | DraftHead:
    """What proposes tokens for a model: another model, or a head on it (``medusa:heads=4,tree=63``, ``eagle``, ``eagle3``).

    Raises
    ------
    InputError
    """
    if isinstance(draft, Medusa | Eagle):
        return draft
    return head_for(of, draft) if isinstance(draft, str) and names_head(draft) else model(draft)


def serving(of: Model, on: str | System, lora: Adapters | None, draft: str | Model | DraftHead | None, fuse: Sequence[Sequence[str]]) -> Model:
    """A model with what serves beside it: adapters, then a draft, then fusion groups."""
    of = Adapted(of, lora) if lora is not None else of
    of = Speculating(of, draft_of(of, draft)) if draft is not None else of
    return with_groups(of, on, fuse) if fuse else of
