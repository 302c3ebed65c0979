"""What a design space is: axes, constraints, objectives, and the file that says them."""
