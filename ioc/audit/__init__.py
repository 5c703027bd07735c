"""History that cannot be changed without being seen: a chain of SM3 digests, its linker and its verifier."""
