"""Storage: engines beside flash."""
