"""Cases (办件): pure rules of flows, working time and deadlines beside thin use-cases."""
