"""Emergency command (应急指挥): incidents, what stands around them, orders, and the review afterwards."""
