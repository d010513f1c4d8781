//! The service on whole data sets, from the broker to its reports: every row is accounted for, the
//! measures are the reference answers', `replay` says the same, and so do other numbers of partitions
//! and instances.
//!
//! `tests/full/run DATA [NAME …]` runs it. It goes on after a difference, prints one table of all that
//! was compared, and ends with 1 where anything was not as it should be.

mod checks;
mod dataset;
#[path = "../kafka/deployment.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of this")]
mod deployment;
mod oracle;
#[path = "../support/mod.rs"]
mod support;

use checks::Compared;
use dataset::{Answers, Dataset, MODEL, STRAYS, Scheme};
use deployment::Deployment;
use serde_json::Value;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use support::{Driftline, wait_until};

/// How long a deployment may take for a whole data set.
const REST: Duration = Duration::from_secs(240);
const DAY: i64 = 86_400_000;
/// Differences that are told of each deployment; the rest is counted.
const TOLD: usize = 5;

fn main() -> ExitCode {
    let data = PathBuf::from(std::env::var_os("DRIFTLINE_DATA").expect("DRIFTLINE_DATA names the data sets"));
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let mut table = Table::default();
    for name in ["noaa_weather", "elec2", "beijing_pm25", "car_loan", "flights_2001h1"] {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            let dataset = Dataset::read(&data, name);
            by_row(&dataset, &mut table);
            by_time(&dataset, &mut table);
        }
    }
    table.print()
}

/// The stream with a second a row, in the windows of the reference answers.
fn by_row(dataset: &Dataset, table: &mut Table) {
    let (events, times) = dataset.stream_by_row();
    for scheme in dataset.schemes() {
        let answers = dataset.golden(scheme);
        let case =
            Case { dataset, events: &events, times: &times, scheme, answers: &answers, strays: STRAYS };
        let first = table.add(&case, 3, 1, None);
        if scheme == (Scheme { size: 1_000_000, slide: 1_000_000 }) {
            for (partitions, instances) in [(1, 1), (3, 3), (12, 3)] {
                table.add(&case, partitions, instances, first.as_deref());
            }
        }
    }
}

/// The stream by its own times, where it has them, held to measures made from scratch.
fn by_time(dataset: &Dataset, table: &mut Table) {
    let schemes = match dataset.name.as_str() {
        "beijing_pm25" => vec![Scheme { size: 30 * DAY, slide: 30 * DAY }],
        "car_loan" => vec![Scheme { size: 7 * DAY, slide: 7 * DAY }],
        "flights_2001h1" => vec![Scheme { size: DAY, slide: DAY }, Scheme { size: 7 * DAY, slide: DAY }],
        _ => return,
    };
    let (events, times) = dataset.stream_by_time();
    for scheme in schemes {
        let answers = oracle::answers(dataset, &times, scheme);
        let case = Case { dataset, events: &events, times: &times, scheme, answers: &answers, strays: 0 };
        table.add(&case, 3, 1, None);
    }
}

/// A stream and what should come of it.
struct Case<'a> {
    dataset: &'a Dataset,
    events: &'a [String],
    /// When each real row was, in milliseconds.
    times: &'a [i64],
    scheme: Scheme,
    answers: &'a Answers,
    /// How many rows each are late, unrouted and bad.
    strays: usize,
}

/// What a deployment made of a case.
#[derive(Default)]
struct Outcome {
    compared: Compared,
    reports: usize,
    published: usize,
    counted: u64,
    others: u64,
    said: Vec<Value>,
    failures: Vec<String>,
}

impl Case<'_> {
    fn settings(&self) -> String {
        let Scheme { size, slide } = self.scheme;
        format!(
            "[input]\ntopics = ['@INPUT@']\nstart = 'earliest'\nmax_future_skew = '36500d'\n\
             [window]\nsize = '{}s'\nslide = '{}s'\nlook = '{}s'\nallowed_lateness = '0s'\nidle_timeout = '1h'\n\
             [commit]\ninterval = '200ms'\n\
             [policy]\nmin_rows = 100\nwarmup = '0s'\nevent_cooldown = '0s'\nstale_after = '365d'\nversion_retire_after = '365d'\n\
             retrain.settle = '0s'\nretrain.cooldown = '0s'\nretrain.min_rows_since_onset = 100\n\
             [[model]]\nname = '{MODEL}'\n",
            size / 1000,
            slide / 1000,
            slide / 10_000
        )
    }

    /// Runs a deployment on it. One instance finds the whole stream there; several see it come.
    fn run(&self, partitions: usize, instances: usize, other: Option<&[Value]>) -> Outcome {
        let Case { dataset, times, scheme, .. } = *self;
        let deployment = Deployment::new(partitions as i32, &self.settings());
        let build = dataset.build_arguments();
        let build: Vec<&str> = build.iter().map(String::as_str).collect();
        deployment.publish(&dataset.table, &build, MODEL, "1");
        let mut events = self.events.to_vec();
        let over = times.iter().max().expect("a row") + 2 * scheme.size;
        // One after another they fall into different partitions: each has one.
        events.extend((0..partitions).map(|n| dataset.closing(n, over)));

        let windows = oracle::window_ends(times, scheme);
        let expected = deployment.replay(&events);
        assert_eq!(expected.count("window_report"), windows.len(), "windows that replay reports");
        if instances == 1 {
            deployment.produce(&events);
        }
        let mut running: Vec<Driftline> =
            (0..instances).map(|n| deployment.start(&format!("i{n}"))).collect();
        if instances > 1 {
            deployment.produce(&events);
        }
        wait_for_reports(&deployment, windows.len());
        let unrouted = settled_unrouted(&running, self.strays as u64);
        let mut failures = Vec::new();
        for instance in &mut running {
            if !instance.stop().success() {
                failures.push("an instance did not end well".to_owned());
            }
        }
        let reports = deployment.output("reports");
        if reports.len() != windows.len() {
            failures.push(format!("{} reports of {} windows", reports.len(), windows.len()));
        }
        let compared = checks::compare(self.answers, &reports, &mut failures);

        let sum = |field: &str| -> u64 {
            reports.iter().map(|report| report["window"][field].as_u64().expect("a count")).sum()
        };
        let dead = support::consume_all(&deployment.topic("dead")).len() as u64;
        let late = ["late", "idle_late", "conflict", "lost"].map(sum);
        let (counted, others) = (sum("events"), late.iter().sum::<u64>() + unrouted + dead);
        if scheme.size == scheme.slide {
            let strays = self.strays as u64;
            if (late, unrouted, dead) != ([strays, 0, 0, 0], strays, strays) {
                failures.push(format!("late, idle late, conflict, lost: {late:?}; unrouted: {unrouted}; dead: {dead}; not {strays} late, unrouted and dead"));
            }
            let open = partitions as u64;
            if counted + others + open != events.len() as u64 {
                failures.push(format!(
                    "{counted} in windows and {others} others and {open} open are not {}",
                    events.len()
                ));
            }
        }
        let found = deployment.decided();
        if let Some((id, times)) = found.times.iter().find(|(_, times)| **times > 1) {
            failures.push(format!("{id} was published {times} times"));
        }
        failures.extend(checks::difference(&expected, &found).map(|text| format!("replay and run: {text}")));
        let said = checks::without_names(&found);
        let differs = other.and_then(|other| checks::difference_without_names(other, &said));
        failures.extend(differs.map(|text| format!("unlike 3 partitions and 1 instance: {text}")));
        let published = events.len();
        Outcome { compared, reports: reports.len(), published, counted, others, said, failures }
    }
}

/// Waits until as many reports have come.
fn wait_for_reports(deployment: &Deployment, wanted: usize) {
    let mut seen = 0;
    wait_until(REST, "enough window reports", || {
        // Ends count the marks of transactions too: they say when it is worth to look again.
        let end: i64 = support::end_offsets(&deployment.topic("reports")).iter().sum();
        let news = end != std::mem::replace(&mut seen, end);
        news && end >= wanted as i64 && deployment.output("reports").len() >= wanted
    });
}

/// As [`unrouted`], but where there should be such rows it gives the instances time to say so: they look
/// every few seconds.
fn settled_unrouted(instances: &[Driftline], wanted: u64) -> u64 {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let rows = unrouted(instances);
        if rows >= wanted || Instant::now() > until {
            return rows;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Rows that no model has, by the instances' own word: the most that any says of a partition.
fn unrouted(instances: &[Driftline]) -> u64 {
    let mut partitions: BTreeMap<String, u64> = BTreeMap::new();
    for instance in instances {
        let (_, metrics) = instance.get("/metrics").expect("metrics are served");
        for line in metrics.lines().filter(|line| line.starts_with("driftline_unrouted_rows{")) {
            let (partition, rows) = line.rsplit_once(' ').expect("a name and a value");
            let rows: f64 = rows.parse().expect("a number");
            let known = partitions.entry(partition.to_owned()).or_default();
            *known = (*known).max(rows as u64);
        }
    }
    partitions.values().sum()
}

/// All that was compared, a line for each deployment.
#[derive(Default)]
struct Table {
    lines: Vec<String>,
    failures: Vec<String>,
}

impl Table {
    /// Runs a case and adds its line; what it said, where it came to an end.
    fn add(
        &mut self,
        case: &Case,
        partitions: usize,
        instances: usize,
        other: Option<&[Value]>,
    ) -> Option<Vec<Value>> {
        let Scheme { size, slide } = case.scheme;
        let name = &case.dataset.name;
        let label = format!(
            "{name:14} {:>13} {partitions:>2}/{instances}",
            format!("{}/{}", seconds(size), seconds(slide))
        );
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| case.run(partitions, instances, other)));
        let took = started.elapsed().as_secs_f64();
        let Ok(outcome) = outcome else {
            eprintln!("{label} came to no end");
            self.failures.push(format!("{label} came to no end"));
            return None;
        };
        let Outcome { compared, reports, published, counted, others, said, failures } = outcome;
        let Compared { windows, values, psi, ks, width } = compared;
        let line = format!(
            "{label} {reports:7} {windows:8} {values:7} {psi:9.1e} {ks:9.1e} {width:9.1e} {published:8} {counted:8} {others:6} {:7} {took:6.1}  {}",
            said.len() - reports.min(said.len()),
            failures.len()
        );
        eprintln!("{line}");
        self.lines.push(line);
        for failure in failures.iter().take(TOLD) {
            eprintln!("  {failure}");
        }
        self.failures.extend(failures.into_iter().map(|failure| format!("{label}: {failure}")));
        Some(said)
    }

    fn print(self) -> ExitCode {
        println!(
            "{:14} {:>13} {:>4} {:>7} {:>8} {:>7} {:>9} {:>9} {:>9} {:>8} {:>8} {:>6} {:>7} {:>6}  failures",
            "data set",
            "window/slide",
            "p/i",
            "reports",
            "compared",
            "values",
            "psi",
            "ks",
            "ks width",
            "rows",
            "counted",
            "others",
            "events",
            "s"
        );
        self.lines.iter().for_each(|line| println!("{line}"));
        if self.failures.is_empty() {
            return ExitCode::SUCCESS;
        }
        self.failures.iter().take(20).for_each(|failure| eprintln!("{failure}"));
        eprintln!("{} differences", self.failures.len());
        ExitCode::FAILURE
    }
}

/// A time in the unit that fits it.
fn seconds(ms: i64) -> String {
    if ms % DAY == 0 { format!("{}d", ms / DAY) } else { format!("{}s", ms / 1000) }
}
