"""The one place that calls out: who may be dialled, how a message is signed, and the sending of it."""
