"""Real kernels run on the device at hand, timed, and written as a tidy table that validation reads and `calibrate` fits.

Data flows through four types: `cases.Case` (what to run: an operator, its data type and sizes), `work.Work` (a case made of buffers and a
call, by a backend), `repeats.Times` (what the clock said of it), and a row of the table (`session.measure` puts them together).
`suites` says which cases there are; `numpy_kernels` and `torch_kernels` are the backends; `trace` keeps rows on disk, resumably.
"""
