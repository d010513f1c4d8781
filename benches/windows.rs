//! What windows of stage 2 cost: the bytes that a feature keeps resident, and the CPU of a slide, in
//! which every feature is measured, over the whole window and all its suffixes, judged and reported.
//! `cargo bench --bench windows` prints a line a case; `-- FEATURES ROWS PANES` is one case alone.

mod support;

use std::fs;
use std::process::Command;
use support::windows::World;

/// Features of a model.
const WIDTH: usize = 1000;
/// Features, rows of a pane, panes of a window.
const CASES: [[usize; 3]; 6] = [
    [2_000, 1_000, 24],
    [10_000, 1_000, 24],
    [10_000, 50, 24],
    [1_000, 1_000, 6],
    [1_000, 1_000, 96],
    [1_000, 1_000, 384],
];
/// Slides that are timed, of full windows.
const TIMED: usize = 24;

fn main() {
    let args: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    if let [features, rows, panes] = args[..] {
        return case(features, rows, panes);
    }
    println!("features  rows  panes  bytes a feature  CPU of a slide, us a feature");
    for case in CASES {
        // A process of its own, so that none takes memory which another left.
        let me = std::env::current_exe().expect("it runs");
        let status = Command::new(me).args(case.map(|number| number.to_string())).status();
        assert!(status.expect("it runs again").success(), "{case:?}");
    }
}

fn case(features: usize, rows: usize, panes: usize) {
    let width = features.min(WIDTH);
    let mut world = World::new(features / width, width, rows, panes as u32);
    let empty = resident_bytes();
    for _ in 0..panes {
        slide(&mut world);
    }
    let resident = (resident_bytes() - empty) / features as u64;
    let mut slides: Vec<u64> = (0..TIMED).map(|_| slide(&mut world)).collect();
    slides.sort_unstable();
    let micros = |nanos: u64| nanos as f64 / 1e3 / features as f64;
    let (median, most) = (micros(slides[TIMED / 2]), micros(slides[TIMED - 1]));
    println!("{features:8}  {rows:4}  {panes:5}  {resident:15}  {median:.1} (at most {most:.1})");
}

/// Fills the next pane, and takes the time of closing it: nanoseconds of CPU.
fn slide(world: &mut World) -> u64 {
    world.fill();
    let before = cpu_nanos();
    assert!(world.close() > 0, "no window was judged");
    let after = cpu_nanos();
    world.commit();
    after - before
}

/// CPU of this thread since it began.
fn cpu_nanos() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("a Linux kernel");
    text.split(' ').next().and_then(|first| first.parse().ok()).expect("nanoseconds come first")
}

/// Memory of this process that is in use.
fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("a Linux kernel");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has a size");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("kilobytes") * 1024
}
