"""What happens to an event. Knows ports, never adapters."""
