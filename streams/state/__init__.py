"""The state of a worker: snapshots as rows of bytes, in a table, in its changelog, and in a file.

Only `changelog`, `transfer` and the command know Kafka; nothing here knows Faust.
"""
