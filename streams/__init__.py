"""Everything that touches the world: settings, the Faust app, its transport, shards, metrics, and the command line.

May import `schemas` and `detectors`; nothing imports this room.
"""
