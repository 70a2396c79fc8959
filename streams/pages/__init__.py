"""What the worker's web server shows: for people, for programs, and for Prometheus."""
