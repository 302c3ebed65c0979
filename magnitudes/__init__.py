"""What a number is: reader types (float, column, interval), units and data types. The ground that all other packages stand on."""
