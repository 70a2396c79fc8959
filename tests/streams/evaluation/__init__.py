"""Tests of streams/evaluation."""
