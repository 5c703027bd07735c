"""Running the product: supervisor, doctor, status, keeper loop, benchmarks."""
