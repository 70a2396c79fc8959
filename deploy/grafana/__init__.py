"""Grafana's dashboards as code: `python -m deploy.grafana` writes the JSON files beside this one.

May import Grafana's builders and nothing of ours; nothing imports this room but the tests.
"""
