"""Benchmarks of the worker against others, each on the same messages in the same Apache Kafka."""
