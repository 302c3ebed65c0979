"""Arrays that a host's commands drive, by a mapping given: what each command queue is asked to do, and how long that takes (Gemmini).

The program is the one that DOSA (Hong et al., MICRO 2023) ran its mappings with: the host steps through the loops over main memory and calls for
one tile at a time, and state machines beside the array unroll each call into commands that load, execute and store.

- `counts`: what a mapping asks of the queues, as they are counted for convolutions (`convolution`) and products (`product`);
- `requests`: what rows of so many bytes become on the bus;
- `caches`: which lines the system's caches still have;
- `queues`: from counts to clocks.
"""
