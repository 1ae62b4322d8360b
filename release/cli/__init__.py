"""`humpyard ...`: one module per noun. Parses, calls, prints; decides nothing."""
