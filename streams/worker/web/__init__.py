"""The worker's HTML pages and JSON API. They read a worker through `worker_view.WorkerView` and change nothing."""
