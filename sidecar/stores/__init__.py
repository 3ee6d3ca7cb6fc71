"""Databases behind the ports. Every store keeps the same promises; one conformance suite says what they are."""
