"""What a worker's metrics page says, built anew each time that somebody asks."""
