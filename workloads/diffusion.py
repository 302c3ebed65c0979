"""Denoisers: the U-Net of Stable Diffusion, and transformers over the patches of a latent image (DiT).

Rombach et al., arXiv 2112.10752; Peebles and Xie, arXiv 2212.09748. A pass is one step; what a text encoder and an image decoder do
before and after all steps is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from workloads.feature_maps import FeatureMapNetwork, Shape, Sketch

PHASES = ("diffusion",)
FREQUENCIES = 256.0  # sines and cosines that stand for a step in DiT


def dit(
    name: str, hidden: float, depth: float, heads: float, *, patch: float = 2.0, side: float = 32.0, channels: float = 4.0, classes: float = 1000.0,
    learned_sigma: bool = True,
) -> FeatureMapNetwork:  # fmt: skip
    """DiT with adaptive norms (adaLN-Zero): each block's norms are shifted, scaled and gated by the step and the class."""
    s = Sketch(Shape(channels, side, side))
    moment = s.beside(Shape(FREQUENCIES, 1.0, 1.0), lambda: (s.dense("step1", hidden, act="silu"), s.dense("step2", hidden, act="silu")))
    s.conv("patches", hidden, patch, stride=patch, act=None, bias=True, norm=False)
    s.pointwise("positions", 1.0, fuses="producer")
    with s.block("block", depth):
        shifts = s.beside(Shape(hidden, 1.0, 1.0), lambda: s.dense("modulation", 6.0 * hidden), moment)
        for half, work in (("attention", partial(_self_attention, s, heads, True)), ("network", partial(_network, s, 4.0 * hidden))):
            source = s.last
            s.norm(f"{half}_norm", weights=0.0)
            s.pointwise(f"{half}_modulate", 2.0, *shifts, fuses="")
            work()
            s.pointwise(f"{half}_sum", 2.0, *source, reads=2.0)
    shifts = s.beside(Shape(hidden, 1.0, 1.0), lambda: s.dense("final_modulation", 2.0 * hidden), moment)
    s.norm("final_norm", weights=0.0)
    s.pointwise("final_modulate", 2.0, *shifts, fuses="")
    s.dense("final", patch**2 * channels * (2.0 if learned_sigma else 1.0))
    positions = (side // patch) ** 2 * hidden
    return s.network(name, extra_parameters=positions + (classes + 1.0) * hidden, phases=PHASES)


def _self_attention(s: Sketch, heads: float, bias: bool) -> None:
    """All pixels attend to each other; only the output's projection has a bias, unless said."""
    width = s.shape.channels
    s.dense("qkv", 3.0 * width, bias=bias)
    s.attend("self_attention", heads, width / heads)
    s.dense("out", width)


def _network(s: Sketch, inner: float) -> None:
    width = s.shape.channels
    s.dense("up", inner, act="gelu")
    s.dense("down", width)


@dataclass(frozen=True, slots=True)
class Text:
    """What the U-Net is told: tokens, and the width of each."""

    tokens: float = 77.0
    width: float = 768.0


def denoising_u_net(
    name: str, widths: tuple[float, ...], *, side: float = 64.0, channels: float = 4.0, depth: float = 2.0, heads: float = 8.0, text: Text | None = None,
    attends: tuple[bool, ...] | None = None,
) -> FeatureMapNetwork:  # fmt: skip
    """Stable Diffusion's U-Net: residual blocks that know the step, and transformers that know the text, on all levels but the coarsest.

    Parameters
    ----------
    widths : tuple of float
        Channels of each level.
    side, channels : float
        Of the latent image.
    depth : float
        Blocks a level on the way down; one more on the way up.
    heads : float
        Of each attention.
    attends : tuple of bool, optional
        Which levels attend; all but the last, if not said.
    """
    text, attends = text or Text(), attends or tuple(level < len(widths) - 1 for level in range(len(widths)))
    s = Sketch(Shape(channels, side, side))
    time = 4.0 * widths[0]
    moment = s.beside(Shape(widths[0], 1.0, 1.0), lambda: (s.dense("step1", time, act="silu"), s.dense("step2", time, act="silu")))
    block = partial(_residual, s, moment, time)
    look = partial(_transformer, s, heads, text)
    conv = partial(s.conv, act=None, bias=True, norm=False)
    conv("stem", widths[0], 3.0)
    kept = [(s.last, s.shape.channels)]
    for level, width in enumerate(widths):
        for place in range(int(depth)):
            with s.block(f"down{level}_{place}"):
                block(width)
                if attends[level]:
                    look()
            kept.append((s.last, width))
        if level < len(widths) - 1:
            conv(f"down{level}_halve", width, 3.0, stride=2.0)
            kept.append((s.last, width))
    with s.block("middle"):
        with s.block("before"):
            block(widths[-1])
        look()
        with s.block("after"):
            block(widths[-1])
    for level, width in reversed(list(enumerate(widths))):
        for place in range(int(depth) + 1):
            with s.block(f"up{level}_{place}"):
                s.join(*kept.pop())
                block(width)
                if attends[level]:
                    look()
        if level:
            s.upsample(f"up{level}_upsample")
            conv(f"up{level}_double", width, 3.0)
    s.norm("final_norm")
    s.activate("final_silu", "silu")
    conv("final", channels, 3.0)
    return s.network(name, phases=PHASES)


def _residual(s: Sketch, moment: tuple[str, ...], time: float, width: float) -> None:
    """Two convolutions behind norms over groups of channels, with the step added between, and a shortcut."""
    shortcut, channels = s.last, s.shape.channels
    if channels != width:
        shortcut = s.beside(s.shape, lambda: s.conv("shortcut", width, act=None, bias=True, norm=False), s.last)
    step = s.beside(Shape(time, 1.0, 1.0), lambda: s.dense("step", width), moment)
    s.norm("norm1")
    s.activate("silu1", "silu")
    s.conv("conv1", width, 3.0, act=None, bias=True, norm=False)
    s.pointwise("step_sum", 1.0, *step)
    s.norm("norm2")
    s.activate("silu2", "silu")
    s.conv("conv2", width, 3.0, act=None, bias=True, norm=False)
    s.pointwise("sum", 1.0, *shortcut, reads=2.0)


def _transformer(s: Sketch, heads: float, text: Text) -> None:
    """Attention among the pixels, attention to the text, and a gated network; projections before and behind."""
    width, start = s.shape.channels, s.last
    s.norm("norm")
    s.conv("project_in", width, act=None, bias=True, norm=False)
    source = s.last
    s.norm("norm_self")
    _self_attention(s, heads, bias=False)
    s.pointwise("sum_self", 1.0, *source, reads=2.0)
    source = s.last
    s.norm("norm_text")
    keys = s.beside(Shape(text.width, text.tokens, 1.0), lambda: s.dense("text_kv", 2.0 * width, bias=False))
    s.dense("text_q", width, bias=False)
    s.attend("text_attention", heads, width / heads, keys=text.tokens, after=keys)
    s.dense("text_out", width)
    s.pointwise("sum_text", 1.0, *source, reads=2.0)
    source = s.last
    s.norm("norm_network")
    s.dense("gate_up", 8.0 * width)
    s.halve("gelu_gate", 10.0)
    s.dense("down", width)
    s.pointwise("sum_network", 1.0, *source, reads=2.0)
    s.conv("project_out", width, act=None, bias=True, norm=False)
    s.pointwise("sum_all", 1.0, *start, reads=2.0)
