"""The demo city: a seeded generator of rows, their loader, and a simulator that keeps them alive. All `origin = 'demo'`.

Nothing here names a place: the pack handed in says where, how much and which highlights.
"""
