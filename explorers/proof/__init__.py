"""What `exact` proves with: formulas of a region, bounds of boxes, convex relaxations."""
