"""Laws of general-purpose processors, one a file: what libraries make of an operator on cores beside caches and main memory.

Every constant is a library's (numpy, torch) and stands in ``calibration/host.json``; `roofscape calibrate` fits them anew for the machine at
hand, beside the spec that it writes.
"""
