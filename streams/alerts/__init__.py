"""`ebbtide alerts`: delivers incidents and outages to receivers over HTTP.

Reads topics as any consumer can, and imports neither pipeline nor detectors.
"""
