"""How packs derive their geography: real outlines and names from installed packages, the rest as labelled sketches."""
