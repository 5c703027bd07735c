"""Bodies of command panels: one file draws one panel, `body(data, view)`, named like it; found by name."""
