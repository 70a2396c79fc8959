"""Tests of snapshots, their table, their changelog and their file."""
