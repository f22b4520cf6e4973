"""For people who work on gpugraph: benchmarks, the kernel matrix, the check on a GPU."""
