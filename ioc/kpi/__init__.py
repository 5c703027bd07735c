"""KPI values are computed once, by one worker, into a table; screens only read them."""
