"""A busy machine must not fail a property: what is tested here is what comes out, never how fast."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
