"""What operators run around Ebbtide: Kafka, images, manifests, Prometheus, Alertmanager and Grafana."""
