"""What exists: chips, engines, memory tiers, links and systems, each value with its source."""
