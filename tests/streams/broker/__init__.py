"""Tests of streams/broker."""
