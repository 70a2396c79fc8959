"""Tests of streams/worker."""
