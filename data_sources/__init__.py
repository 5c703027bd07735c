"""Outside sources, one file each: they bring observations and events to the intake."""
