"""The state of a worker: snapshots as rows of bytes, in a table, in its changelog, and in a file."""
