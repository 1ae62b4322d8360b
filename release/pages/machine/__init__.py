"""Documents for programs. Every one is a pure function of the site."""
