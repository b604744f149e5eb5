// The first file of ChatUI replaces this one.
