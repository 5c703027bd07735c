"""Map layers, one file each, discovered by `ioc.registry.discover('layers', 'LAYER')`."""
