"""Grafana's dashboards as code: `python -m deploy.grafana` writes the JSON files beside this one.

It imports only Grafana's builders. Only the tests import it.
"""
