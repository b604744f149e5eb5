"""Data, training and scoring of emuchat-nano, the small model that sees."""
