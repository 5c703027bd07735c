"""Reading the centres of the level below."""
