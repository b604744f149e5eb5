// The first file of ModelFiles replaces this one.
