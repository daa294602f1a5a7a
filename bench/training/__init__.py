"""How the reference weights are made: one recipe per model, each resumable at any moment.

`video` and `latents` prepare what is learned from, `loop` is the training loop that all recipes share, and each of
`vae`, `backbone`, `frame_query` (stage one) and `continuation` (stage two) is one recipe: a loss and a validation.
"""
