"""From what others publish to our models."""
