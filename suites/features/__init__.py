"""Features of whole videos: one streaming decode feeds all of them, each is computed once and kept."""
