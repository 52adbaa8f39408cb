"""The annotation room: boxes and outlines drawn by several people, blinded to each other, and a third who decides.

It shares doors, store, pictures and viewer with the reading room, and knows nothing of it.
"""
