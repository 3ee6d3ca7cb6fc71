"""Vendors' management APIs: their words for what the pipeline's verbs do, one package or module each."""
