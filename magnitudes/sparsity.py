"""Weights of which some are nothing: how many bytes the others take with their places.

Structured, two of four (Mishra et al., arXiv 2104.08378): half of the values, and two bits for the place of each; sparse tensor cores leave
out half of the products. Unstructured (Flash-LLM, arXiv 2309.10285, tiled CSL): each value that is left with a 16-bit place in its tile; it
is loaded so, spread out by the vector units, and multiplied as if nothing were missing. Where that takes more than all values do, they are
kept as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from magnitudes.arrays import Reader, Real, as_real, minimum, where
from magnitudes.datatypes import AnyDataType, DataType, DataTypeChoice
from magnitudes.errors import InputError

TWO_OF_FOUR = "2:4"
PLACE_BITS = 16.0
PLACE_BITS_OF_TWO = 2.0
# Instructions that spread a value out: take its place and its value from a word, add its address, store it
# (Flash-LLM's published kernel, SpMM_Kernel.cuh, SpMM_DecompressFromRegisterToShared: a value and a 16-bit place in each word).
SPREAD_OPS = 4.0

Sparsity = str | Real


def sparse(element: AnyDataType, sparsity: object) -> AnyDataType:
    """A format of weights of which a share is zero, or two of four are.

    Parameters
    ----------
    element : AnyDataType
    sparsity : str, float or array of shape (designs,)
        ``"2:4"``, or the share of weights that are zero, from 0 to below 1.

    Raises
    ------
    InputError
        If it is neither.
    """
    pattern = _pattern(sparsity)
    if isinstance(element, DataTypeChoice):
        return DataTypeChoice(tuple(_sparse(o, pattern) for o in element.options), element.index)
    return _sparse(element, pattern)


def _pattern(sparsity: object) -> Sparsity:
    """The pattern, checked."""
    if isinstance(sparsity, list | tuple) and sparsity and all(s == TWO_OF_FOUR for s in sparsity):
        return TWO_OF_FOUR
    if isinstance(sparsity, str):
        if sparsity != TWO_OF_FOUR:
            raise InputError(f"sparsity {sparsity!r} is not known; use 2:4, or the share of weights that are zero, such as 0.8")
        return sparsity
    share = as_real(sparsity)
    if not isinstance(share, Reader):
        numbers = np.atleast_1d(np.asarray(share))
        wrong = numbers[~((numbers >= 0.0) & (numbers < 1.0))]
        if wrong.size:
            raise InputError(f"sparsity is {wrong[0]:g}; it should be a share from 0 to below 1, or 2:4")
    return share


def _sparse(t: DataType, pattern: Sparsity) -> DataType:
    if isinstance(pattern, str):
        return replace(t, name=f"{t.name} {pattern}", bits=t.bits / 2.0 + PLACE_BITS_OF_TWO / 2.0, structured=True)
    kept = 1.0 - pattern
    packed = kept * (t.bits + PLACE_BITS)
    ops = t.widen_ops + where(packed < t.bits, kept * SPREAD_OPS, 0.0)
    return replace(t, bits=minimum(t.bits, packed), widen_ops=ops)
