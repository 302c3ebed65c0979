"""Laws of the kernel-by-kernel engine (GPU), one a file: what the libraries' kernels make of an operator."""
