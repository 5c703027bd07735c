"""Cases: pure rules for working time, deadlines and stages. Nothing in here knows SQL or HTTP."""
