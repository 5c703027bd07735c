"""IOC 一屏统览: the core. It knows no layer, source, indicator, screen or place by name."""

__version__ = "0.1.0"
