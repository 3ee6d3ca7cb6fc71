"""Templates: messages of an operator's own making. Everything here but this line is loaded with the first template."""
