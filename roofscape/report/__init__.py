"""Tables for the terminal and pages for the browser, drawn from the plain data of an estimate."""
