"""What remains of a request: record, metrics, log."""
