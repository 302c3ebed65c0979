"""Training: what it must hold and exchange besides the passes themselves."""
