"""Grid cells as places that numbers are told of: what they can be coloured by, and in which classes. Pure rules."""
