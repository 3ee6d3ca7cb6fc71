"""The console: pages for whoever is awake, in plain HTML, rendered here and without a script."""
