"""Explorers: one file each."""
