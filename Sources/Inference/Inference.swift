// The first file of Inference replaces this one.
