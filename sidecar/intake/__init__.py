"""The inbound words of others than the registry: what builds, scanners and people post, as statements. Pure.

A reader takes what was posted (`Posted`) and returns what it tells (`Told`), whole or not at all. What cannot be taken
raises Misstated with the place in the body, because whoever posts here reads answers.
"""
