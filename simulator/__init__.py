"""How long it takes, what limits it and whether it fits: laws, execution models, schedule, network, capacity."""
