"""What streams share, whatever carries them: the way of raw events to the lake, and the schema of an event."""
