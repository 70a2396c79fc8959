"""Tests of streams/config."""
