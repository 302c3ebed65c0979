"""Predictions held against measurements: tables and traces are read, every row is predicted, groups of rows are scored.

A tidy table has a row a measured kernel (parquet or CSV):

================  =====================================================================================================
column            meaning
================  =====================================================================================================
``source``        who measured (optional; the file's name if absent)
``device``        a machine, by any name that the catalogue knows
``op``            one of `simulator.validation.operations.OPERATIONS`
``dtype``         data type of the operator, by any name of `simulator.validation.formats`
dimensions        the columns that the operator needs: ``m, n, k`` of a product, ``rows, cols`` of a kernel over rows, ...
``measured_us``   time of one call [us]
``timing``        optional: ``kernel`` (a profiler's), ``graph`` (replayed) or ``eager`` (one framework call between events)
``host_us``       optional, eager rows: time of the cheapest eager operator on that host [us]
``kernel``        optional: the implementation that the user chose by name; never one that the library picked
``library``       optional: what ran the kernel: ``numpy`` or ``torch`` on a processor; ``cublaslt`` or ``hipblaslt`` for a product alone on a GPU
``copies``        optional: sets of buffers, results included, that calls took in turn: 1 leaves everything in cache that fits
================  =====================================================================================================

Data flows through four types: `tidy.Table` (what a file says), `prediction.Prediction` (the same rows with predicted times),
`scores.Score` (one a group), `run.Validation` (all of it). Nothing here draws: `roofscape.report` does.
"""
