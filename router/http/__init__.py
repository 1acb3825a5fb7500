"""The wire: one module per dialect, and nothing but the wire."""
