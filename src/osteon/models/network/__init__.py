"""Networks: a backbone from a weights entry and a head, crops made once, training in plain view."""

#: A fold's network, or its head alone where the backbone is frozen, in the fold's folder.
FILE = "model.safetensors"
