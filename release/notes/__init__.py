"""Release notes: changelog fragments in, one Markdown text out."""
