// The first file of Tensor replaces this one.
