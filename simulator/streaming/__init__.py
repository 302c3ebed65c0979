"""Streaming dataflow: stages of a pipeline, sections that fit on chip, and the search for where to cut between them."""
