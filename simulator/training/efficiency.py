"""How busy a device stays while model states stream past it: the law of arithmetic intensity and bandwidth.

Computing takes ``flop / peak`` and moving ``byte / bandwidth``; where neither hides the other, the share of time in which the device computes is
``intensity * bandwidth / (intensity * bandwidth + peak)`` (Rajbhandari et al., ZeRO-Infinity, SC 2021, section 4, equation 6). The intensities
follow from a step of ``8 * tokens`` operations a parameter: two forward, four backward, two to compute activations again.
"""

from __future__ import annotations

from magnitudes.arrays import Real
from magnitudes.errors import InputError
from simulator.training.states import GRADIENT_BYTE, OPTIMIZER_BYTE, WEIGHT_BYTE

FLOP_PER_TOKEN = 8.0  # of one parameter in a step: multiply and add, once forward, twice backward, once recomputed
LAYER_PARAMETERS = 12.0  # of a transformer layer, in squares of its width


def efficiency(flop_per_byte: Real, byte_per_s: Real, peak_flop_per_s: Real) -> Real:
    """Share of a device's peak that is left where what it computes with streams past it and neither hides the other.

    Parameters
    ----------
    flop_per_byte : Real
        Operations for each byte that moves.
    byte_per_s : Real
        Bandwidth of the way, for one device.
    peak_flop_per_s : Real
        What the device achieves when nothing moves.
    """
    return flop_per_byte * byte_per_s / (flop_per_byte * byte_per_s + peak_flop_per_s)


def needed_byte_per_s(share: float, flop_per_byte: Real, peak_flop_per_s: Real) -> Real:
    """Bandwidth at which a device keeps that share of its peak: the law solved for the bandwidth.

    Raises
    ------
    InputError
        If the share is not between 0 and 1.
    """
    if not 0.0 < share < 1.0:
        raise InputError(f"an efficiency of {share!r}: it lies between 0 and 1, such as 0.9; no bandwidth makes waiting vanish")
    return share / (1.0 - share) * peak_flop_per_s / flop_per_byte


def weight_intensity(tokens: Real) -> Real:
    """Operations for each byte of weights and gradients: weights come three times (forward, again, backward), gradients leave once [FLOP/B]."""
    return FLOP_PER_TOKEN * tokens / (3.0 * WEIGHT_BYTE + GRADIENT_BYTE)


def optimizer_intensity(tokens: Real) -> Real:
    """Operations for each byte of the optimizer's states: all 16 bytes are read and written once a step [FLOP/B]."""
    return FLOP_PER_TOKEN * tokens / (2.0 * (OPTIMIZER_BYTE + WEIGHT_BYTE + GRADIENT_BYTE))


def checkpoint_intensity(hidden: Real, layers: Real = 1.0) -> Real:
    """Operations for each byte of activations that are kept every `layers` layers: written once, read once [FLOP/B]."""
    return FLOP_PER_TOKEN * LAYER_PARAMETERS * hidden**2 * layers / (2.0 * WEIGHT_BYTE * hidden)
