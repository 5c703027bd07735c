"""Cases (办件): pure rules of flows, deadlines and places beside thin use-cases."""
