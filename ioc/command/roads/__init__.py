"""Rules of the road network: topology, costs, what hangs together, isochrones. Pure: neither SQL nor HTTP."""

from __future__ import annotations

# The order is that of the bits of `road_edge.main` and of the cost columns.
VEHICLES = ("fire_engine", "ambulance", "car", "foot")
MOTOR = VEHICLES[:3]
EMERGENCY = VEHICLES[:2]
# Vehicles of other lists (dictionary vehicle_class) by whose costs they drive; what is not here uses no road.
ROUTED_AS = {
    "fire_engine": "fire_engine", "truck": "fire_engine", "bus": "fire_engine",
    "ambulance": "ambulance", "police_car": "ambulance",
    "car": "car", "motorcycle": "car", "foot": "foot",
}  # fmt: skip


def bit(vehicle: str) -> int:
    """Its bit in `road_edge.main`."""
    return 1 << VEHICLES.index(vehicle)
