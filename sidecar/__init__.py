"""A sidecar that turns a plain Docker registry's notifications into dependable webhooks."""

__version__ = "0.1.0"
