"""Live pictures: addresses that die, panes whose camera is proven, PTZ by one person at a time, references, groups."""
