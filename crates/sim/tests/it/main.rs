//! What a simulated exchange promises, through its public doors only.
