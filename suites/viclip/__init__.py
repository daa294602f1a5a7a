"""ViCLIP: a video and a text in one space, by the weights of InternVid (Wang et al., arXiv 2307.06942)."""
