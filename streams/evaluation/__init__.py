"""The pipeline on files: detect, explain, score and simulate, without Kafka."""
