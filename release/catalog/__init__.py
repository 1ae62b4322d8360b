"""What things are called: versions, channels, boards, artifacts, names. Pure values."""
