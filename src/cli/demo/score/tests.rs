//! What counts as found, and what as raised without cause.
