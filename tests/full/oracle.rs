//! The exact measures of every window, from its rows, in the plainest way: nothing is shared with
//! driftline, nothing is merged, and nothing is kept from one window to the next.

use crate::dataset::{Answers, Dataset, Expected, Scheme};
use std::collections::{BTreeMap, BTreeSet};

/// No share is taken as less than this.
const FLOOR: f64 = 1e-4;

/// What the windows of the stream are, by the time of each row in milliseconds.
pub fn answers(dataset: &Dataset, times: &[i64], scheme: Scheme) -> Answers {
    let mut answers = Answers::new();
    for end in window_ends(times, scheme) {
        let inside = times.iter().enumerate().filter(|(_, time)| (end - scheme.size..end).contains(*time));
        let rows: Vec<usize> = inside.map(|(row, _)| dataset.split + row).collect();
        answers.insert(end, of_rows(dataset, &rows));
    }
    answers
}

/// The ends of all windows that hold a row.
pub fn window_ends(times: &[i64], scheme: Scheme) -> BTreeSet<i64> {
    let panes: BTreeSet<i64> = times.iter().map(|time| time.div_euclid(scheme.slide)).collect();
    let windows = panes
        .iter()
        .flat_map(|pane| (1..=scheme.size / scheme.slide).map(move |n| (pane + n) * scheme.slide));
    windows.collect()
}

fn of_rows(dataset: &Dataset, rows: &[usize]) -> BTreeMap<String, Expected> {
    let reference: Vec<usize> = (0..dataset.split).collect();
    let numeric = dataset.numeric.iter().map(|name| {
        let (r, x) = (numbers(dataset, name, &reference), numbers(dataset, name, rows));
        let measured = !x.is_empty() && !r.is_empty();
        let psi = measured.then(|| {
            let edges = deciles(&r);
            psi(&bins(&r, &edges), &bins(&x, &edges))
        });
        (name, x.len(), psi, measured.then(|| ks(&r, &x)))
    });
    let categorical = dataset.categorical.iter().map(|name| {
        let (r, x) = (texts(dataset, name, &reference), texts(dataset, name, rows));
        let all: BTreeSet<&str> = r.iter().chain(&x).copied().collect();
        let counts = |of: &[&str]| -> Vec<usize> {
            let mut counts: BTreeMap<&str, usize> = all.iter().map(|category| (*category, 0)).collect();
            of.iter().for_each(|category| *counts.entry(category).or_default() += 1);
            counts.into_values().collect()
        };
        (name, x.len(), (!x.is_empty()).then(|| psi(&counts(&r), &counts(&x))), None)
    });
    let all = rows.len() as f64;
    let expected = |(name, valid, psi, ks): (&String, usize, Option<f64>, Option<f64>)| {
        (name.clone(), Expected { rows: valid as u64, null_rate: (all - valid as f64) / all, psi, ks })
    };
    numeric.chain(categorical).map(expected).collect()
}

/// The values that are there, ascending.
fn numbers(dataset: &Dataset, name: &str, rows: &[usize]) -> Vec<f64> {
    let mut numbers: Vec<f64> =
        texts(dataset, name, rows).iter().map(|text| text.parse().expect("a number")).collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn texts<'a>(dataset: &'a Dataset, name: &str, rows: &[usize]) -> Vec<&'a str> {
    let column = dataset.column(name);
    rows.iter().map(|row| &dataset.rows[*row][column]).filter(|text| !text.is_empty()).collect()
}

/// The distinct ones among the deciles, each between two order statistics by NumPy's linear rule.
fn deciles(sorted: &[f64]) -> Vec<f64> {
    let quantile = |tenth: i32| {
        let position = f64::from(tenth) / 10.0 * (sorted.len() - 1) as f64;
        let (low, share) = (position.floor() as usize, position.fract());
        let (a, b) = (sorted[low], sorted[(low + 1).min(sorted.len() - 1)]);
        if share < 0.5 { a + (b - a) * share } else { b - (b - a) * (1.0 - share) }
    };
    let mut edges: Vec<f64> = (1..10).map(quantile).collect();
    edges.dedup();
    edges
}

/// Counts of the values up to each edge, that edge included, and after the last.
fn bins(sorted: &[f64], edges: &[f64]) -> Vec<usize> {
    let mut below: Vec<usize> =
        edges.iter().map(|edge| sorted.iter().filter(|value| *value <= edge).count()).collect();
    below.push(sorted.len());
    let first = std::iter::once(&0).chain(&below);
    below.iter().zip(first).map(|(to, from)| to - from).collect()
}

fn psi(r: &[usize], x: &[usize]) -> f64 {
    let shares = |counts: &[usize]| -> Vec<f64> {
        let all = counts.iter().sum::<usize>() as f64;
        counts.iter().map(|count| (*count as f64 / all).max(FLOOR)).collect()
    };
    shares(r).iter().zip(shares(x)).map(|(r, x)| (x - r) * (x / r).ln()).sum()
}

/// The largest distance of two empirical distribution functions.
fn ks(r: &[f64], x: &[f64]) -> f64 {
    let (mut i, mut j, mut largest) = (0, 0, 0.0_f64);
    while i < r.len() && j < x.len() {
        let value = r[i].min(x[j]);
        while i < r.len() && r[i] <= value {
            i += 1;
        }
        while j < x.len() && x[j] <= value {
            j += 1;
        }
        largest = largest.max((i as f64 / r.len() as f64 - j as f64 / x.len() as f64).abs());
    }
    largest
}
