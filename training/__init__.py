"""How the fixed weights of a model set are made: images -> float networks -> packed integers."""
