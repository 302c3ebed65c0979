"""Laws of units inside or beside a memory: where data lies, how commands follow each other, what each operator asks of them."""
