"""One file an indicator family: `INDICATOR` or `INDICATORS`. Discovered, never listed."""
