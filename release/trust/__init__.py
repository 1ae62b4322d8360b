"""What a mirror says of itself, signed and dated, and how a reader who trusts no mirror checks it."""
