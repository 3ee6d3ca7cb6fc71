"""YAML to domain values, or one sentence saying what is wrong and where."""
