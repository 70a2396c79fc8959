"""Tests of streams/pipeline."""
