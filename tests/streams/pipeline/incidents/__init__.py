"""Tests of streams/pipeline/incidents."""
