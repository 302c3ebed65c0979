"""What all refusals of input have in common: the command line prints them as one message and exits with 2."""


class InputError(ValueError):
    """Input that cannot be used: the message names the thing, its value and the remedy."""
