"""Traces of a model's run held against its estimate: a profiler's kernels are read, matched to the model's operators, and scored.

`kineto` and `nsys` read what profilers write into `launch.Launch`; `match` finds the operator of each launch, by shapes where the trace
has them, else by the order in which a layer repeats, else kind by kind; `run` scores. What no operator explains is told with its time.
"""
