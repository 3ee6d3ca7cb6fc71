"""The native API described: an OpenAPI document, and a page to read it. Loaded when it is asked for."""
