"""What operators see of the running program: metrics and log lines, both made from what observers are told."""
