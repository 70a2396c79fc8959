"""What the worker's web server shows: for people, for programs, and for Prometheus.

All but metrics and health look at a worker through `known.Known`; nothing here changes it.
"""
