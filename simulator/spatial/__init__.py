"""What work costs on a 2-D array of processing elements: folds, tilings, chains of fused operators; one law a file."""
