"""Kafka: clients, topics, and the Faust transport that hands over records in batches."""
