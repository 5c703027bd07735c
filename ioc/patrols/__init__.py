"""Patrols and visits of grid cells: rules of tracks and coverage (pure), and the use-cases over the store."""
