"""What it means: comparisons, curves and reports made from a store's rows. Reads results, never makes any."""
