"""The worker: chunks of messages to the provider."""
