"""Training with the optimizer on the host: what each side holds, what crosses, how large a model fits and how long a step takes.

The device keeps 16-bit weights (2 bytes a parameter); the host keeps 16-bit gradients and the optimizer's states (14); gradients go out and
weights come back each step (4). No other cut sends less without the device holding more (Ren et al., ZeRO-Offload, USENIX ATC 2021, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

from magnitudes.arrays import Condition, Real, both, maximum, minimum
from simulator.training.efficiency import FLOP_PER_TOKEN, LAYER_PARAMETERS
from simulator.training.states import GRADIENT_BYTE, OPTIMIZER_BYTE, WEIGHT_BYTE

DEVICE_BYTE = WEIGHT_BYTE
HOST_BYTE = GRADIENT_BYTE + OPTIMIZER_BYTE
CROSSING_BYTE = GRADIENT_BYTE + WEIGHT_BYTE
UPDATE_BYTE = 2.0 * OPTIMIZER_BYTE + GRADIENT_BYTE + WEIGHT_BYTE  # Adam: states read and written, a gradient read, a weight written
# Activations of one layer that is computed again, in bytes for each token and element of width, and for each pair of tokens and head:
# Korthikanti et al., Reducing Activation Recomputation in Large Transformer Models, MLSys 2023, equation 1.
LAYER_TOKEN_BYTE, LAYER_PAIR_BYTE = 34.0, 5.0


@dataclass(frozen=True, slots=True)
class Layers:
    """The shape of a transformer in training, which sets its activations.

    Parameters
    ----------
    hidden, heads : Real
    sequence, batch : Real
        Tokens of a sequence, and sequences that a device computes at once.
    """

    hidden: Real
    heads: Real
    sequence: Real
    batch: Real

    @property
    def working_byte(self) -> Real:
        """Activations of the layer that is being computed."""
        tokens = self.sequence * self.batch
        return tokens * (LAYER_TOKEN_BYTE * self.hidden + LAYER_PAIR_BYTE * self.heads * self.sequence)

    @property
    def checkpoint_byte(self) -> Real:
        """Inputs that are kept of every layer, for each parameter of the model."""
        return WEIGHT_BYTE * self.sequence * self.batch / (LAYER_PARAMETERS * self.hidden)


def largest_parameters(capacity_byte: Real, byte_per_parameter: Real, layers: Layers | None = None, reserved_byte: Real = 0.0) -> Real:
    """Parameters of the largest model of which a memory can hold its part.

    Parameters
    ----------
    capacity_byte : Real
    byte_per_parameter : Real
        What that memory holds of a parameter: `DEVICE_BYTE`, `HOST_BYTE`, or what `simulator.training.states.state_byte` says.
    layers : Layers, optional
        Where activations lie in the same memory, one kept input a layer.
    reserved_byte : Real
        What is taken already.
    """
    room = capacity_byte - reserved_byte - (layers.working_byte if layers else 0.0)
    return maximum(room, 0.0) / (byte_per_parameter + (layers.checkpoint_byte if layers else 0.0))


def largest_offloaded(device_byte: Real, devices: Real, host_byte: Real, layers: Layers, reserved_byte: Real = 0.0) -> Real:
    """Parameters of the largest model whose weights lie on `devices` devices, cut over them, and whose optimizer lies on one host."""
    on_devices = devices * largest_parameters(device_byte, DEVICE_BYTE, layers, reserved_byte)
    return minimum(on_devices, largest_parameters(host_byte, HOST_BYTE))


def fits(parameters: Real, device_byte: Real, host_byte: Real, layers: Layers, reserved_byte: Real = 0.0) -> Condition:
    """Whether both memories hold their parts of a model on one device."""
    on_device: Condition = parameters <= largest_parameters(device_byte, DEVICE_BYTE, layers, reserved_byte)
    return both(on_device, parameters <= largest_parameters(host_byte, HOST_BYTE))


@dataclass(frozen=True, slots=True)
class Step:
    """One step, and what its phases take; the largest that is not hidden binds.

    Parameters
    ----------
    forward_s, backward_s : Real
        Computing alone; what is computed again counts as backward.
    out_s : Real
        Gradients to the host, while the backward pass goes on.
    update_s : Real
        The optimizer on the host, at the pace of its memory.
    back_s : Real
        Weights to the device, while the optimizer goes on.
    flop : Real
        All that is computed.
    """

    forward_s: Real
    backward_s: Real
    out_s: Real
    update_s: Real
    back_s: Real
    flop: Real

    @property
    def time_s(self) -> Real:
        """Forward, then backward beside gradients, then the update beside weights."""
        return self.forward_s + maximum(self.backward_s, self.out_s) + maximum(self.update_s, self.back_s)

    @property
    def flop_per_s(self) -> Real:
        """Throughput of the step."""
        return self.flop / self.time_s


def offloaded_step(parameters: Real, tokens: Real, peak_flop_per_s: Real, link_byte_per_s: Real, host_byte_per_s: Real) -> Step:
    """A step of one device whose optimizer runs on the host.

    Parameters
    ----------
    tokens : Real
        That the device computes in a step.
    peak_flop_per_s : Real
        What it achieves while nothing moves.
    link_byte_per_s : Real
        To the host, one direction.
    host_byte_per_s : Real
        The host's memory.
    """
    flop = FLOP_PER_TOKEN * parameters * tokens
    compute_s = flop / peak_flop_per_s
    return Step(
        compute_s / 4.0, 0.75 * compute_s, parameters * GRADIENT_BYTE / link_byte_per_s, parameters * UPDATE_BYTE / host_byte_per_s,
        parameters * WEIGHT_BYTE / link_byte_per_s, flop,
    )  # fmt: skip
