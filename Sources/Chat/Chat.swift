// The first file of Chat replaces this one.
