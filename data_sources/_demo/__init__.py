"""The demo city: a seeded generator, a loader, and a simulator that keeps its rows alive. All `origin = 'demo'`.

Nothing here names a place: the pack handed in says where, how much and which highlights.
"""
