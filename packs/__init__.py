"""Places as data. The only rooms that may name one."""
