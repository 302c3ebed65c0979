"""Where tensors of a measurement are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from simulator.measurement.work import RandomPool

Tensor: TypeAlias = Any  # torch.Tensor: the library is an extra


@dataclass(frozen=True, slots=True)
class Bench:
    """Where tensors are made: a device, a data type, a source of random numbers."""

    device: str
    dtype: Any
    pool: RandomPool

    def normal(self, *shape: int, scale: float = 1.0) -> Tensor:
        """Normal random numbers."""
        import torch

        return (torch.from_numpy(self.pool.take(*shape)) * scale).to(device=self.device, dtype=self.dtype)

    def empty(self, *shape: int) -> Tensor:
        import torch

        return torch.full(shape, 0.5, device=self.device).to(self.dtype)
