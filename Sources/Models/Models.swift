// The first file of Models replaces this one.
