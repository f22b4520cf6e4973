"""For people who work on gpugraph: benchmarks, kernel matrix, check on a GPU, pages of the docs."""
