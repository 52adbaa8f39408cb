"""Networks: a backbone from a weights entry and a head, crops made once, training in plain view."""
