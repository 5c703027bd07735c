"""Screens: pure functions from state (`ioc.services` shapes, language, time) to Dash components."""
