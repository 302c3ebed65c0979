"""Which design is best: what a change would buy, and how millions of designs are evaluated."""
