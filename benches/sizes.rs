//! How often each test is significant when nothing changed: its true size, beside the nominal one.
//!
//! Every replicate draws a new reference and a window from one law and asks [`p_certain`]. Counts are
//! drawn cell by cell (binomial by binomial), which is the law of counting independent rows and much
//! quicker. `cargo bench --bench sizes` prints a table, one line a case, and JSON lines with
//! `-- --json`; `-- --replicates 200000` sets how many. It fails where a size is above what the law
//! promises: a factor of 1.5 at 1e-2 and of 3 at 1e-4, beyond three standard errors.

use driftline::measure::{Dependence, p_certain};
use driftline::reference::FeatureProfile;
use driftline::sketch::{Basis, Categories, FeatureSketch, OrderedCells, Tally};
use driftline::words::{Kind, Name, Question, Role};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution, Gamma};
use std::process::ExitCode;
use std::sync::Arc;

const WINDOWS: [u64; 4] = [50, 200, 1_000, 5_000];
const REFERENCES: [u64; 3] = [1_000, 15_000, 100_000];
/// Nominal sizes, and by what factor the true ones may be above.
const LEVELS: [(f64, f64); 2] = [(1e-2, 1.5), (1e-4, 3.0)];
const REPLICATES: u64 = 100_000;

/// A law that reference and window are drawn from, and the question that is asked of them.
struct Case {
    name: &'static str,
    question: Question,
    draw: fn(&mut ChaCha8Rng, u64, u64) -> (FeatureProfile, Tally),
}

const CASES: [Case; 6] = [
    Case { name: "continuous", question: Question::Shape, draw: continuous },
    Case { name: "60 % zeros", question: Question::Shape, draw: zeros },
    Case { name: "ten values", question: Question::Shape, draw: ten_values },
    Case { name: "100 Zipf categories", question: Question::Shape, draw: zipf },
    Case { name: "5 % missing", question: Question::Missing, draw: missing },
    Case { name: "unseen of 1,000 Zipf categories", question: Question::Unseen, draw: unseen },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let after = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let replicates = after("--replicates").and_then(|text| text.parse().ok()).unwrap_or(REPLICATES);
    let only = after("--case");
    let json = args.iter().any(|arg| arg == "--json");
    let mut is_sound = true;
    for case in CASES.iter().filter(|case| only.is_none_or(|only| case.name.contains(only.as_str()))) {
        for (n, m) in WINDOWS.iter().flat_map(|n| REFERENCES.iter().map(move |m| (*n, *m))) {
            let sizes = sizes(case, n, m, replicates);
            let is_kept = LEVELS.iter().zip(sizes).all(|((level, factor), size)| {
                let error = (level / replicates as f64).sqrt();
                size <= level * factor + 3.0 * error
            });
            is_sound &= is_kept;
            if json {
                println!(
                    "{{\"case\":{:?},\"window\":{n},\"reference\":{m},\"replicates\":{replicates},\"size_1e2\":{},\"size_1e4\":{}}}",
                    case.name, sizes[0], sizes[1]
                );
            } else {
                let verdict = if is_kept { "" } else { "  above what is promised" };
                println!("{:32} n {n:>5}  m {m:>6}  {:.5}  {:.6}{verdict}", case.name, sizes[0], sizes[1]);
            }
        }
    }
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The share of replicates that are significant at each level.
fn sizes(case: &Case, n: u64, m: u64, replicates: u64) -> [f64; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(n * 1_000_003 + m);
    let mut significant = [0_u64; 2];
    for _ in 0..replicates {
        let (profile, window) = (case.draw)(&mut rng, n, m);
        let Some(p) = p_certain(&profile, &window, Dependence::NONE)[case.question as usize] else {
            continue;
        };
        for (count, (level, _)) in significant.iter_mut().zip(LEVELS) {
            *count += u64::from(p <= level);
        }
    }
    significant.map(|count| count as f64 / replicates as f64)
}

/// How many of `rows` fall in each cell of these weights.
fn multinomial(rng: &mut ChaCha8Rng, rows: u64, weights: &[f64]) -> Vec<u64> {
    let (mut left, mut weight) = (rows, weights.iter().sum::<f64>());
    let mut draw = |own: &f64| {
        let share = if *own > 0.0 { (own / weight).min(1.0) } else { 0.0 };
        weight -= own;
        let count = Binomial::new(left, share).expect("a share").sample(rng);
        left -= count;
        count
    };
    weights.iter().map(&mut draw).collect()
}

/// Smooth data: the reference's quantiles cut it, so that its own counts are fixed and the chance of a
/// cell is what varies: the distance between two order statistics.
fn continuous(rng: &mut ChaCha8Rng, n: u64, m: u64) -> (FeatureProfile, Tally) {
    let cells = 250.min(m / 4);
    let counts: Vec<u64> = (0..cells).map(|cell| m * (cell + 1) / cells - m * cell / cells).collect();
    let spacing = |count: &u64| Gamma::new(*count as f64, 1.0).expect("a count").sample(rng);
    let chances: Vec<f64> = counts.iter().map(spacing).collect();
    let window = multinomial(rng, n, &chances);
    (ordered(Kind::Continuous, counts, false), tally(window))
}

/// An atom of 60 % before a smooth rest.
fn zeros(rng: &mut ChaCha8Rng, n: u64, m: u64) -> (FeatureProfile, Tally) {
    let share = |rng: &mut ChaCha8Rng, rows| Binomial::new(rows, 0.6).expect("a share").sample(rng);
    let (of_reference, of_window) = (share(rng, m), share(rng, n));
    let (rest, window) = continuous(rng, n - of_window, m - of_reference);
    let counts: Vec<u64> = [0, of_reference].into_iter().chain(rest.sketch.tally.cells).collect();
    let window = [0, of_window].into_iter().chain(window.cells).collect();
    (ordered(Kind::Continuous, counts, true), tally(window))
}

fn ten_values(rng: &mut ChaCha8Rng, n: u64, m: u64) -> (FeatureProfile, Tally) {
    let weights: Vec<f64> = (0..21).map(|cell| f64::from(cell % 2)).collect();
    let counts = multinomial(rng, m, &weights);
    let window = multinomial(rng, n, &weights);
    (ordered(Kind::Discrete, counts, false), tally(window))
}

fn zipf(rng: &mut ChaCha8Rng, n: u64, m: u64) -> (FeatureProfile, Tally) {
    categories(rng, n, m, 100)
}

fn unseen(rng: &mut ChaCha8Rng, n: u64, m: u64) -> (FeatureProfile, Tally) {
    categories(rng, n, m, 1000)
}

fn missing(rng: &mut ChaCha8Rng, n: u64, m: u64) -> (FeatureProfile, Tally) {
    let few = |rng: &mut ChaCha8Rng, rows| Binomial::new(rows, 0.05).expect("a share").sample(rng);
    let (of_reference, of_window) = (few(rng, m), few(rng, n));
    let mut profile = ordered(Kind::Discrete, vec![m - of_reference], false);
    profile.sketch.tally.missing = of_reference;
    (profile, Tally { missing: of_window, ..tally(vec![n - of_window]) })
}

/// Zipf's law over `known` categories; those that the reference did not happen to see are unseen.
fn categories(rng: &mut ChaCha8Rng, n: u64, m: u64, known: u32) -> (FeatureProfile, Tally) {
    let weights: Vec<f64> = (1..=known).map(|rank| 1.0 / f64::from(rank)).collect();
    let (reference, window) = (multinomial(rng, m, &weights), multinomial(rng, n, &weights));
    let seen = || reference.iter().zip(&window).filter(|(count, _)| **count > 0);
    let unseen = reference.iter().zip(&window).filter(|(count, _)| **count == 0).map(|(_, rows)| rows).sum();
    // The last cell is that of the reference's uncounted categories, of which there are none.
    let counts: Vec<u64> = seen().map(|(count, _)| *count).chain([0]).collect();
    let cells: Vec<u64> = seen().map(|(_, rows)| *rows).chain([0]).collect();
    let names: Vec<Name> = (1..counts.len()).map(|number| Name::from(format!("c{number}"))).collect();
    let times = |wanted: u64| counts.iter().filter(|count| **count == wanted).count() as u64;
    let (singletons, doubletons) = (times(1), times(2));
    let basis = Categories::new(names, vec![], true).expect("distinct names");
    let profile = profile(Kind::Categorical, Basis::Categories(basis), counts);
    (FeatureProfile { singletons, doubletons, ..profile }, Tally { unseen, ..tally(cells) })
}

/// Cells between whole numbers; with an atom, the second cell is one value.
fn ordered(kind: Kind, counts: Vec<u64>, has_atom: bool) -> FeatureProfile {
    let mut edges: Vec<f64> = (1..counts.len()).map(|edge| edge as f64).collect();
    if has_atom {
        edges[0] = edges[1].next_down();
    }
    let basis = OrderedCells::new(edges, vec![]).expect("ascending edges");
    profile(kind, Basis::Ordered(basis), counts)
}

fn profile(kind: Kind, basis: Basis, counts: Vec<u64>) -> FeatureProfile {
    FeatureProfile {
        name: "x".into(),
        role: Role::Feature,
        kind,
        basis: Arc::new(basis),
        sketch: FeatureSketch { tally: tally(counts), ..FeatureSketch::default() },
        singletons: 0,
        doubletons: 0,
        calibration: vec![],
        season: None,
        early: None,
    }
}

fn tally(cells: Vec<u64>) -> Tally {
    Tally { cells, ..Tally::default() }
}
