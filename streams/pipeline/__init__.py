"""From columns of measurements to closed bins, outages and incidents; pure, without a clock or a broker."""
