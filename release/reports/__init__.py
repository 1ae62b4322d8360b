"""Reports of tests that others ran: TAP and JUnit XML in, who passed and who failed out. Pure."""
