"""The commands, one a file: each has `run(options)`, which returns an exit code or nothing."""
