"""Three Grafana dashboards, the rules behind them, and how they are built and drawn. Not part of the wheel."""
