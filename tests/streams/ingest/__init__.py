"""Tests of streams/ingest."""
