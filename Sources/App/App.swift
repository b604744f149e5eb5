// The first file of App replaces this one.
