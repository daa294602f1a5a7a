"""The video model that reads a memory: its shapes (light) and its torch modules (each imports torch only in itself).

Nothing here holds trained weights and nothing here is registered: a module with random weights is no model.
"""
