//! Never exceed the budget: weighted sliding windows, a priority queue and server feedback as a tower layer.
