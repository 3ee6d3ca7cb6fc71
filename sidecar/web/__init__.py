"""The one place that is called."""
