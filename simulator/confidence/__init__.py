"""How far off a predicted time may be: 90 % intervals learned from kernels on devices that were left out of every fit.

`kinds` says which measured kernels an operator is like, `band` looks up how far off those were, `spread` adds the bands of
many operators with the correlation that was measured. The numbers are in ``calibration/intervals.json``.
"""
