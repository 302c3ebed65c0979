"""Figures of an estimate, one question a file: each takes the plain data of designs and returns a plotly figure."""
