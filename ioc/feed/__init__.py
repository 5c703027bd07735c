"""Outbox to feed to screens: the sequencer numbers, the hub fans out."""
