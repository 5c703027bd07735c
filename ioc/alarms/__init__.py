"""Alarms: rules and state machines that know neither SQL nor HTTP, and the use-cases beside them."""
