//! Fixed pieces of the work of both stages, counted in instructions: what a busy machine can't disturb.
//!
//! `make instructions` runs each case under callgrind and compares the count with the one that
//! `instructions.txt` has; it fails where a case grew by more than the tolerance. With `record` the file
//! is written anew. `CASE` alone runs one, as callgrind is told to.

mod support;

use driftline::config::Config;
use driftline::engine::{Position, Sketcher, SketcherSettings, SourceState, Taken};
use driftline::event::{Decoder, Envelope, Format, Reader};
use driftline::reference::References;
use driftline::words::Name;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::thread;
use support::stages::Stages;
use support::windows::World;
use support::{NARROW, OneSchema, Shape, WIDE};

/// The name, the unit that is counted, and how many of them a run has.
const CASES: [(&str, &str, u64); 6] = [
    ("json_25", "event", 4_000),
    ("json_5", "event", 4_000),
    ("avro_25", "event", 4_000),
    ("avro_5", "event", 4_000),
    ("deltas", "feature and delta", 416),
    ("windows", "feature and slide", 480),
];
/// Percent by which a count may grow. Hashing and where memory lies make differences below one percent,
/// another compiler some percents.
const TOLERANCE: f64 = 5.0;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    match args.first().map(String::as_str) {
        None => ExitCode::SUCCESS,
        Some("check") => check(),
        Some("record") => record(),
        Some(case) => {
            println!("{}", run(case));
            ExitCode::SUCCESS
        }
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.txt")
}

fn record() -> ExitCode {
    let line = |((case, unit, _), count): (&(&str, &str, u64), u64)| format!("{case} {count} per {unit}\n");
    let lines: String = CASES.iter().zip(all_counted()).map(line).collect();
    fs::write(path(), lines).expect("the file can be written");
    ExitCode::SUCCESS
}

fn check() -> ExitCode {
    let recorded = fs::read_to_string(path()).expect("the counts are recorded");
    let mut has_grown = false;
    for ((case, unit, _), now) in CASES.iter().zip(all_counted()) {
        let line = recorded.lines().find_map(|line| line.strip_prefix(&format!("{case} ")));
        let before: u64 = line.and_then(|line| line.split(' ').next()?.parse().ok()).expect(case);
        let change = 100.0 * (now as f64 / before as f64 - 1.0);
        println!("{case}: {now} instructions per {unit}, {before} recorded ({change:+.1} %)");
        if change > TOLERANCE {
            has_grown = true;
            eprintln!(
                "{case} grew by {change:.1} %, {TOLERANCE} % is the most. Mend it; or where it is worth that,"
            );
            eprintln!("say so in the commit and record the new counts: make instructions ARGS=record");
        }
    }
    if has_grown { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Those of all cases, which are counted side by side: what else is busy does not change them.
fn all_counted() -> Vec<u64> {
    thread::scope(|scope| {
        let counting: Vec<_> = CASES.iter().map(|(case, ..)| scope.spawn(|| counted(case))).collect();
        counting.into_iter().map(|one| one.join().expect("it is counted")).collect()
    })
}

/// Instructions of one unit of `case`, as callgrind counts them in the function `measured`.
fn counted(case: &str) -> u64 {
    let me = std::env::current_exe().expect("it runs");
    let options =
        ["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*instructions*measured*"];
    let output =
        Command::new("valgrind").args(options).arg(me).arg(case).output().expect("valgrind is installed");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let total = told.lines().find_map(|line| line.split_once("Collected : "));
    let total: u64 =
        total.and_then(|(_, count)| count.trim().parse().ok()).expect("callgrind says the total");
    let units = CASES.iter().find(|(known, ..)| *known == case).map(|(.., units)| units);
    total / units.expect("it is a case")
}

/// All that is counted happens in here.
#[inline(never)]
fn measured<T>(work: impl FnOnce() -> T) -> T {
    work()
}

fn run(case: &str) -> u64 {
    let units = CASES.iter().find(|(known, ..)| *known == case).map(|(.., units)| *units);
    let units = units.unwrap_or_else(|| panic!("there is no case {case}"));
    match case {
        "json_25" => events(WIDE, json(WIDE), units),
        "json_5" => events(NARROW, json(NARROW), units),
        "avro_25" => events(WIDE, avro(WIDE), units),
        "avro_5" => events(NARROW, avro(NARROW), units),
        "deltas" => deltas(units),
        _ => windows(units),
    }
}

/// Distinct events; what is read again and again is not read quicker for it.
const DISTINCT: usize = 500;
/// Events between two drains.
const COMMIT: u64 = 2_000;

type Payloads = (Vec<Vec<u8>>, Format);

fn json(shape: Shape) -> Payloads {
    (shape.json(2, DISTINCT).into_iter().map(String::into_bytes).collect(), Format::Json)
}

fn avro(shape: Shape) -> Payloads {
    (shape.avro(2, DISTINCT), Format::Avro { schemas: OneSchema::of(shape) })
}

/// Reads and sketches events, and drains them at each commit.
fn events(shape: Shape, (payloads, format): Payloads, count: u64) -> u64 {
    let references = shape.references();
    let mut reader = Reader::new(Decoder::new(format, Envelope::driftline()));
    let mut sketcher = Sketcher::new(settings());
    let source = ("in".into(), 0);
    sketcher.assign(Position { source, next_offset: 0, state: SourceState::default() });
    // What is made once, at the first event, is not counted.
    take(&mut reader, &mut sketcher, &payloads, 0..1, &references);
    measured(|| {
        let commits = (1..=count).step_by(COMMIT as usize);
        commits
            .map(|from| take(&mut reader, &mut sketcher, &payloads, from..from + COMMIT, &references))
            .sum()
    })
}

fn take(
    reader: &mut Reader,
    sketcher: &mut Sketcher,
    payloads: &[Vec<u8>],
    numbers: std::ops::Range<u64>,
    references: &References,
) -> u64 {
    let source = sketcher.source("in", 0);
    for number in numbers {
        let payload = &payloads[number as usize % payloads.len()];
        let row = reader.read(Some(payload), None, None).expect("the event is good");
        let taken = sketcher.take(source, number as i64, None, Ok(row), references);
        assert_eq!(taken, Taken::Counted);
    }
    sketcher.drain().deltas.into_iter().map(|delta| delta.into_delta().data.flow.events).sum()
}

fn settings() -> SketcherSettings {
    let mut config = Config::default().sketcher();
    config.models.insert(Name::from("fraud"), Config::default().unlisted_model("fraud"));
    config
}

/// Passes on what events of 8 models led to, between two ends of windows.
fn deltas(units: u64) -> u64 {
    let commits = units / (8 * 26);
    let mut stages = Stages::new(WIDE, 8, commits);
    let pass_on = |_| {
        stages.take();
        measured(|| stages.commit())
    };
    (0..commits).map(pass_on).sum()
}

/// Slides full windows of a day by an hour, over two ends of their blocks.
fn windows(units: u64) -> u64 {
    let slides = 24;
    let mut world = World::new(1, (units / slides) as usize, 500, 24);
    for _ in 0..24 {
        world.fill();
        world.close();
        world.commit();
    }
    (0..slides)
        .map(|_| {
            world.fill();
            let judged = measured(|| world.close());
            world.commit();
            judged as u64
        })
        .sum()
}
