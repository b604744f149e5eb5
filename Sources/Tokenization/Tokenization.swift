// The first file of Tokenization replaces this one.
