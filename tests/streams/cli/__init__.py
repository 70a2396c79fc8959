"""Tests of streams/cli."""
