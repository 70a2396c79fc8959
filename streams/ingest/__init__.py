"""From the bytes of messages to columns of measurements and rows of series; pure."""
