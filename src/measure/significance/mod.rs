//! How surprising a difference is if nothing changed: the laws behind the p-values.
//!
//! Each takes counts and returns a probability from 0 to 1, never NaN. Rows that hang together are
//! worth fewer independent ones: each law also takes the `factor` (at least 1) of rows that count as
//! one, and works with n/factor and m/factor rows, rounded so that the evidence only weakens.

mod beta_binomial;
mod chi_square;
mod kolmogorov;

pub use beta_binomial::{beta_binomial_lower, beta_binomial_upper, missing_p, unseen_p};
pub use chi_square::{PooledTest, most_frequent_p, pooled_categories, pooled_ordered};
pub use kolmogorov::{kolmogorov_p, kolmogorov_q};
