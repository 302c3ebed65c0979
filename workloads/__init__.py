"""What is to be computed: operators, graphs of operators, model families, importers and scenarios."""
