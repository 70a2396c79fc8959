"""The state of a worker: the three stages, their snapshots as rows of bytes, and the file that `ebbtide state` writes.

No Kafka client and no Faust here: a snapshot is written to any mapping of bytes to bytes. `streams.broker.changelog`
reads and writes the topic behind it, `streams.cli.state_transfer` moves its content to and from a file.
"""
