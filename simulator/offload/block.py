"""Layer by layer from behind: weights and caches of a layer are loaded, new keys and values stored, while another is computed, or before.

The schedule is FlexGen's (Sheng et al., ICML 2023, section 4.1, equation 1 and its cost model): with overlap a layer takes the longest of its
computation and of each way that it uses; without, their sum. A block of several batches shares one load of the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from magnitudes.arrays import Real, largest, total


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer of one step does.

    Parameters
    ----------
    compute_s : Real
        On the device, for one batch.
    weight_byte : Real
        Loaded once a block.
    load_byte, store_byte : Real
        Keys, values and activations that come and go, for one batch.
    software_s : Real
        What the runtime spends between layers, which nothing hides.
    """

    compute_s: Real
    weight_byte: Real = 0.0
    load_byte: Real = 0.0
    store_byte: Real = 0.0
    software_s: Real = 0.0


def layer_parts(layer: Layer, read_byte_per_s: Real, write_byte_per_s: Real, batches: Real = 1.0) -> dict[str, Real]:
    """What each resource takes of a layer, for all batches of a block [s].

    Parameters
    ----------
    read_byte_per_s, write_byte_per_s : Real
        Of the tier behind, as the device sees it.
    batches : Real
        Batches that share one load of the weights.
    """
    return {
        "compute": batches * layer.compute_s,
        "load": (layer.weight_byte + batches * layer.load_byte) / read_byte_per_s,
        "store": batches * layer.store_byte / write_byte_per_s,
    }


def layer_s(parts: Mapping[str, Real], *, overlap: bool, software_s: Real = 0.0) -> Real:
    """Time of a layer [s]: the longest of its parts where they overlap, else all of them."""
    return software_s + (largest(parts.values()) if overlap else total(parts.values()))


def step_s(layers: Real, layer: Layer, read_byte_per_s: Real, write_byte_per_s: Real, batches: Real = 1.0, *, overlap: bool = True) -> Real:
    """Time of a step of equal layers [s], in the steady state: the first layer is loaded behind the last of the step before."""
    parts = layer_parts(layer, read_byte_per_s, write_byte_per_s, batches)
    return layers * layer_s(parts, overlap=overlap, software_s=layer.software_s)
