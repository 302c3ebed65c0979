"""Offload: layers whose weights or caches come from behind main memory, and contexts that take turns in it."""
