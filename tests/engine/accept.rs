//! Windows that are accepted as reference: the same under crashes and whoever hears when, what the raw
//! rows say, and refused where later windows could not be measured.

use crate::bootstrap::{binned, raw};
use crate::faults::{Bus, InDeltas, PARTITIONS, replayed, topics, with_faults};
use crate::world::{self, Row, SLIDE_MS, comparable};
use driftline::engine::{EvaluatorSettings, MadeReference, Output, Pipeline};
use driftline::event::Value;
use driftline::policy::record::{Command, DriftEvent, Outcome, ResolveReason, Status, WindowReport};
use driftline::reference::{BuildOptions, Origin, ProfileBuilder, References};
use driftline::sketch::Basis;
use driftline::words::{Name, Time};
use std::sync::Arc;

const LEAD_MS: i64 = 1200;

fn settings() -> Arc<EvaluatorSettings> {
    let mut settings = EvaluatorSettings::clone(&world::evaluator_settings());
    settings.lead_ms = LEAD_MS;
    settings.models.values_mut().for_each(|(model, _)| model.policy.retrain.ttl_ms = 60_000);
    Arc::new(settings)
}

/// The world's stream, but from the middle on `x` of fraud/1 is squared, which moves it within the cells of
/// its reference, and one row in seven has a category that no reference knows.
fn rows(seed: u64, rows: usize, disorder_ms: i64) -> Vec<Row> {
    let mut all = world::stream(seed, rows, disorder_ms);
    for (at, row) in all.iter_mut().enumerate().filter(|(at, row)| *at > rows / 2 && row.version == "1") {
        row.x = row.x.map(|x| (x - 0.3).powi(2));
        row.c = if at % 7 == 0 { "d" } else { row.c };
    }
    all
}

fn accept(id: &str) -> Command {
    let command = Command::new(id.into(), "reference.accept_window", "fraud".into(), "ann", Time::EPOCH);
    Command { version: Some("1".into()), reason: Some("a new price list".into()), ..command }
}

fn answers(outputs: &[Output]) -> Vec<&Command> {
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Command(command) => Some(&**command),
            _ => None,
        })
        .collect()
}

fn made(outputs: &[Output]) -> Vec<&MadeReference> {
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Reference(made) => Some(&**made),
            _ => None,
        })
        .collect()
}

fn reports(outputs: &[Output]) -> impl Iterator<Item = &WindowReport> {
    outputs.iter().filter_map(|output| match output {
        Output::Report(report) if &*report.version == "1" && report.segment.is_empty() => Some(&**report),
        _ => None,
    })
}

/// Without faults, with a commit after every `commit` rows.
fn run(rows: &[Row], commands: &[(i64, Command)], commit: usize) -> Vec<Output> {
    let pipeline = Pipeline::new(world::sketcher_settings(), settings(), world::references(), topics());
    run_in(pipeline, rows, commands, commit)
}

fn run_in(mut pipeline: Pipeline, rows: &[Row], commands: &[(i64, Command)], commit: usize) -> Vec<Output> {
    commands.iter().for_each(|(from, command)| pipeline.command(command.clone(), Time::from_ms(*from)));
    let mut outputs = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let (partition, offset) = (i % PARTITIONS, i / PARTITIONS);
        pipeline.take("in", partition as i32, offset as i64, None, Ok(row.event()));
        if i % commit == commit - 1 {
            outputs.extend(pipeline.commit());
        }
    }
    outputs.extend(pipeline.commit());
    outputs
}

#[test]
fn it_is_the_same_whatever_fails_whoever_hears_when_and_in_the_replay_that_is_told_when() {
    let (mut accepted, mut late_news) = (0, 0);
    for seed in 0..4 {
        let rows = rows(seed, 16_000, 400);
        let mut bus = Bus::new(&rows, &settings());
        // The second comes while the first is under way, and each comes twice.
        bus.control = vec![
            (60, accept("cmd_1")),
            (60, accept("cmd_1")),
            (150, accept("cmd_2")),
            (150, accept("cmd_2")),
        ];
        let bus = with_faults(bus, seed);
        let told: Vec<(Time, Command)> = answers(&bus.outputs)
            .into_iter()
            .filter(|answer| answer.status == Some(Status::Applied))
            .map(|answer| {
                let effective_at = answer.effective_at.expect("it was done");
                (effective_at, Command { status: None, effective_at: None, ..answer.clone() })
            })
            .collect();
        assert_eq!(made(&bus.outputs).len(), told.len(), "seed {seed}: each is done once");
        accepted += told.len();
        for made in made(&bus.outputs) {
            let from = world::grid().pane_of(made.effective_from);
            let is_late = |delta: &&InDeltas| match delta {
                InDeltas::Delta(delta) => {
                    &*delta.key.version == "1"
                        && delta.pane >= from
                        && delta.reference.as_ref() == Some(world::reference().id())
                }
                InDeltas::Progress(_) => false,
            };
            late_news += bus.deltas.iter().filter(is_late).count();
        }
        let (found, expected) = (comparable(&bus.outputs), comparable(&replayed(&rows, &settings(), told)));
        for (model, decided) in &expected {
            for (expected, found) in decided.iter().zip(&found[model]) {
                assert_eq!(expected, found, "seed {seed}, model {model}");
            }
            assert_eq!(decided.len(), found[model].len(), "seed {seed}, model {model}");
        }
        assert!(reports(&bus.outputs).all(|report| report.window.conflict == 0), "seed {seed}");
    }
    assert!(accepted >= 6, "{accepted} windows were accepted");
    assert!(late_news > 50, "{late_news} deltas were counted by the reference before");
}

#[test]
fn its_counts_and_what_is_measured_by_it_are_those_of_the_raw_rows() {
    let rows = rows(5, 30_000, 200);
    let outputs = run(&rows, &[(20_000, accept("cmd_1"))], 700);
    assert_eq!(comparable(&outputs), comparable(&run(&rows, &[(20_000, accept("cmd_1"))], 7_000)));
    let all = made(&outputs);
    let made = all.first().expect("it was accepted");
    let window = || raw(&rows, "1", made.start, made.decided_at);
    assert_eq!((made.start.ms(), made.decided_at.ms()), (16_000, 20_000));
    assert_eq!((made.rows, made.origin), (window().count() as u64, Origin::AcceptedWindow));
    assert_eq!(made.effective_from.ms(), 22_000, "a lead later, at a pane's start");
    assert_eq!((made.stable, &*made.actor), (Some(true), "ann"));
    assert_eq!(
        made.reason,
        format!("a new price list ({} rows from {} to {})", made.rows, made.start, made.decided_at)
    );
    let before = world::reference();
    for feature in made.profile.features() {
        assert!(!feature.early.as_ref().unwrap().enabled, "the order of its rows is not known");
        let tally = &feature.sketch.tally;
        match &*feature.basis {
            Basis::Ordered(cells) => {
                let Basis::Ordered(cells_before) = &*before.features()[1].basis else { panic!("numbers") };
                assert_eq!(cells.edges(), cells_before.edges());
                let mut counts = vec![0; cells.len()];
                window()
                    .filter_map(|row| row.x)
                    .for_each(|x| counts[cells.edges().iter().filter(|edge| **edge < x).count()] += 1);
                assert_eq!(tally.cells, counts);
                assert_eq!(tally.missing, window().filter(|row| row.x.is_none()).count() as u64);
            }
            Basis::Categories(categories) => {
                let names: Vec<&str> = categories.names().iter().map(|name| &**name).collect();
                assert_eq!(names.last(), Some(&"d"), "{names:?}");
                for (name, rows) in names.iter().zip(&tally.cells) {
                    assert_eq!(*rows, window().filter(|row| row.c == *name).count() as u64, "{name}");
                }
                assert_eq!(
                    (tally.unseen, feature.singletons, feature.sketch.detail.unseen.is_empty()),
                    (0, 0, true)
                );
            }
        }
    }

    let of_reference = binned(&made.profile, window());
    let most = of_reference.iter().fold(0.0_f64, |most, rows| most.max(*rows));
    assert!(of_reference.len() == 10 && most < 0.2 * made.rows as f64, "its own deciles: {of_reference:?}");
    let judged: Vec<&WindowReport> =
        reports(&outputs).filter(|report| report.reference_id.as_ref() == Some(&made.reference_id)).collect();
    assert_eq!(judged[0].window.end.ms(), 23_000);
    for report in judged {
        let start = report.window.start.max(made.effective_from);
        let now = binned(&made.profile, raw(&rows, "1", start, report.window.end));
        let (m, n): (f64, f64) = (of_reference.iter().sum(), now.iter().sum());
        let share = |count: f64, all: f64| (count / all).max(1e-4);
        let bins = of_reference.iter().zip(&now).map(|(r, c)| (share(*r, m), share(*c, n)));
        let psi: f64 = bins.map(|(p, q)| (q - p) * (q / p).ln()).sum();
        let feature = report.features.iter().find(|feature| &*feature.feature == "x").unwrap();
        assert_eq!(feature.rows, n as u64);
        let found = feature.measures.psi.unwrap().value;
        assert!((found - psi).abs() < 1e-12, "{}: {found}, {psi} by hand", report.window.end);
        let c = report.features.iter().find(|feature| &*feature.feature == "c").unwrap();
        assert_eq!(c.unseen, 0, "what was new is known");
        assert!(!feature.drift && !c.drift, "{}", report.window.end);
    }
}

#[test]
fn incidents_end_when_it_holds_and_windows_begin_anew() {
    let rows = rows(5, 30_000, 200);
    let outputs = run(&rows, &[(20_000, accept("cmd_1"))], 700);
    let events = || {
        outputs.iter().filter_map(|output| match output {
            Output::Event(event) if &*event.version == "1" && event.feature.is_some() => Some(&**event),
            _ => None,
        })
    };
    let resolved = |event: &&DriftEvent| event.reason == Some(ResolveReason::NewReference);
    let ends: Vec<i64> = events().filter(resolved).map(|event| event.decided_at.ms()).collect();
    assert!(!ends.is_empty() && ends.iter().all(|end| *end == 23_000), "{ends:?}");
    assert!(events().all(|event| event.decided_at.ms() <= 23_000), "and nothing drifts from it");
    let first = reports(&outputs).find(|report| report.decided_at.ms() == 23_000).unwrap();
    assert_eq!(
        first.window.events,
        raw(&rows, "1", Time::from_ms(22_000), Time::from_ms(23_000)).count() as u64
    );
    let unheard = run(&rows, &[], 700);
    let still_open = |output: &&Output| matches!(output, Output::Report(report) if report.drifted > 0 && report.decided_at.ms() > 23_000);
    assert!(unheard.iter().filter(still_open).count() > 3, "without it the drift goes on");
}

#[test]
fn a_trigger_is_answered_once_it_holds_and_none_is_asked_for_in_between() {
    let rows = rows(5, 30_000, 200);
    let triggers = |outputs: &[Output]| -> Vec<(String, i64)> {
        let of = |output: &Output| match output {
            Output::Trigger(one) if &*one.version == "1" => Some((one.id.clone(), one.decided_at.ms())),
            _ => None,
        };
        outputs.iter().filter_map(of).collect()
    };
    // How triggers of fraud/1 ended, and when.
    let ends = |outputs: &[Output]| -> Vec<(String, i64, Option<String>)> {
        let of = |output: &Output| match output {
            Output::Event(event) if &*event.version == "1" => {
                let trigger = event.trigger.as_ref()?;
                Some((trigger.id.clone(), event.decided_at.ms(), trigger.outcome.clone()))
            }
            _ => None,
        };
        outputs.iter().filter_map(of).collect()
    };
    let unheard = run(&rows, &[], 700);
    let (open, decided_at) = triggers(&unheard)[0].clone();
    assert!(decided_at < 19_000 && ends(&unheard).is_empty(), "it stays open until someone acts");
    let outputs = run(&rows, &[(20_000, accept("cmd_1"))], 700);
    assert_eq!(ends(&outputs), [(open.clone(), 23_000, Some("succeeded".into()))]);
    assert_eq!(triggers(&outputs).len(), 1, "what was accepted is no reason for another");

    // With no trigger in its way the drift asks for the next one, unless the window is accepted.
    let close = Command { target: Some(open), outcome: Some(Outcome::Failed), ..accept("cmd_2") };
    let close = (19_000, Command { r#type: "trigger.close".into(), ..close });
    let next = triggers(&run(&rows, std::slice::from_ref(&close), 700))[1].1;
    assert_eq!(next, decided_at + 5_000, "after the cooldown");
    let commands = [close, (20_000, accept("cmd_1"))];
    let outputs = run(&rows, &commands, 700);
    assert!((20_000..23_000).contains(&next) && triggers(&outputs).len() == 1);
    let in_between = |report: &&WindowReport| (20_000..23_000).contains(&report.decided_at.ms());
    for report in reports(&outputs).filter(in_between) {
        let withheld = &report.triggers_withheld;
        assert!(report.drifted > 0 && withheld.contains(&"rejected".to_owned()), "{}", report.decided_at);
    }
    // What moves after that is drift as any other.
    let mut again = rows.clone();
    let moved = again.iter_mut().filter(|row| row.version == "1" && row.time_ms >= 25_000);
    moved.for_each(|row| row.x = row.x.map(|x| x * 0.2));
    assert!(triggers(&run(&again, &commands, 700)).last().is_some_and(|last| last.1 > 25_000));
}

#[test]
fn what_later_windows_could_not_be_measured_by_is_refused_with_the_features_and_what_to_do() {
    let all = |change: &dyn Fn(&mut Row)| {
        let mut rows = rows(5, 24_000, 0);
        rows.iter_mut().filter(|row| row.version == "1" && row.time_ms >= 12_000).for_each(change);
        rows
    };
    let why = |rows: &[Row], command: Command| {
        let outputs = run(rows, &[(20_000, command)], 700);
        assert!(made(&outputs).is_empty());
        answers(&outputs)[0].refusal.clone().expect("it is refused")
    };
    let beyond = why(&all(&|row| row.x = row.x.map(|x| x + 0.5)), accept("cmd_1"));
    assert!(beyond.contains("`x` (") && beyond.contains("% of its rows are beyond 0.99"), "{beyond}");
    assert!(beyond.contains("build a reference from rows"), "{beyond}");
    let gone = why(&all(&|row| row.x = None), accept("cmd_1"));
    assert!(gone.contains("`x` (0 of its") && !gone.contains("`c`"), "{gone}");
    let names: Vec<&'static str> = (0..150).map(|at| &*format!("new {at}").leak()).collect();
    let many = why(&all(&|row| row.c = names[row.time_ms as usize % 150]), accept("cmd_1"));
    assert!(many.contains("`c` (") && many.contains("more new categories than are kept"), "{many}");
    let few = why(&all(&|row| row.model = "churn"), accept("cmd_1"));
    assert!(few.contains("can't be judged: 0 rows"), "{few}");

    let fine = all(&|_| ());
    let segment = Command { segment: Some(vec!["de".into()]), ..accept("cmd_1") };
    assert!(why(&fine, segment).contains("of all traffic"));
    assert!(why(&fine, Command { version: None, ..accept("cmd_1") }).contains("several versions"));
    assert!(why(&fine, Command { version: Some("9".into()), ..accept("cmd_1") }).contains("no version `9`"));
}

/// `categories` names that come once each.
fn with_categories(categories: usize) -> References {
    let mut builder = ProfileBuilder::new(BuildOptions::default());
    let names = [Name::from("x"), Name::from("c")];
    for (at, row) in world::stream(99, categories, 0).iter().enumerate() {
        let row = row.x.map_or(Value::Missing, Value::Number);
        builder.push(names.iter().zip(&[row, Value::Text(format!("old {at}").into())]));
    }
    let profile = builder.finish().expect("rows and columns");
    let mut references = References::default();
    references.set_default("fraud".into(), Arc::new(profile));
    references
}

#[test]
fn more_rare_categories_than_are_known_are_refused_and_those_that_never_were_are_not_missed() {
    const NEW: usize = 900;
    let names: Vec<&'static str> = (0..2 * NEW).map(|at| &*format!("new {at}").leak()).collect();
    // Half of the names are new, and the other half once the first window is the reference.
    let mut rows = world::stream(5, 32_000, 0);
    rows.iter_mut().enumerate().for_each(|(at, row)| {
        row.c = names[at % NEW + if row.time_ms < 22_000 { 0 } else { NEW }];
    });
    let mut evaluator = EvaluatorSettings::clone(&settings());
    evaluator.unseen_cap = NEW;
    let (mut sketcher, evaluator) = (world::sketcher_settings(), Arc::new(evaluator));
    sketcher.unseen_cap = NEW;
    let outputs = |categories: usize| {
        let references = with_categories(categories);
        let pipeline = Pipeline::new(sketcher.clone(), evaluator.clone(), references, topics());
        run_in(pipeline, &rows, &[(20_000, accept("cmd_1")), (30_000, accept("cmd_2"))], 700)
    };
    // 98,976 have no counts of their own: there is room for 900 more, and not for 1,800.
    let all_known = outputs(100_000);
    let refusal = answers(&all_known)[1].refusal.as_deref().expect("it is refused");
    assert!(refusal.contains("`c` (more than 100000 rare categories)"), "{refusal}");
    assert!(!refusal.contains("`x`"), "{refusal}");
    assert_eq!(made(&all_known).len(), 1);

    // Where the reference never knew which are new, the next ones do not either.
    let some_known = outputs(100_001);
    assert_eq!(made(&some_known).len(), 2);
    for made in made(&some_known) {
        let Basis::Categories(categories) = &*made.profile.features()[0].basis else { panic!("categories") };
        assert!(!categories.is_complete() && categories.others().is_empty());
    }
}

#[test]
fn a_window_of_which_the_halves_differ_says_so() {
    let rows = rows(5, 30_000, 0);
    // The change is in the middle of the window.
    let outputs = run(&rows, &[(17_000, accept("cmd_1"))], 700);
    let made = made(&outputs)[0];
    assert_eq!(made.decided_at.ms() - made.start.ms(), 4 * SLIDE_MS);
    assert_eq!((made.stable, made.unstable.len()), (Some(false), 2));
    assert!(made.reason.ends_with("; its halves differ in c, x)"), "{}", made.reason);
}

#[test]
fn without_a_reference_there_is_nothing_to_count_by() {
    let mut rows = rows(5, 24_000, 0);
    rows.iter_mut().filter(|row| row.version == "1").for_each(|row| row.version = "8");
    let outputs = run(&rows, &[(20_000, Command { version: Some("8".into()), ..accept("cmd_1") })], 700);
    let refusal = answers(&outputs)[0].refusal.as_deref().expect("it is refused");
    assert!(refusal.contains("no reference yet"), "{refusal}");
}
