"""Arithmetic on arrays: bins, baselines, evidence, the lifecycle of outages.

May import the standard library and numpy; nothing else, no clock, no log, and no other room.
"""
