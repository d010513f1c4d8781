//! Commands, and the life of a trigger: each works once whatever goes wrong, and a run decides what a
//! replay decides that is told the same times.

use crate::faults::{Bus, replayed, with_faults};
use crate::world::{self, Row, comparable};
use driftline::engine::{EvaluatorSettings, Output, Pipeline};
use driftline::policy::record::{
    Cause, Command, DriftEvent, Mute, Outcome, RetrainingTrigger, Status, Transition, WindowReport,
};
use driftline::reference::{Activation, Origin};
use driftline::words::{Severity, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A command to fraud/1 that names nothing more.
fn command(id: &str, kind: &str) -> Command {
    let command = Command::new(id.into(), kind, "fraud".into(), "test", Time::EPOCH);
    Command { version: Some("1".into()), ..command }
}

fn mute(id: &str, until_ms: i64) -> Command {
    Command { until: Some(Time::from_ms(until_ms)), ..command(id, "mute") }
}

fn on(target: &str, command: Command) -> Command {
    Command { target: Some(target.into()), ..command }
}

/// The settings of the world, changed.
fn settings(change: impl Fn(&mut driftline::policy::PolicySettings)) -> Arc<EvaluatorSettings> {
    let mut settings = EvaluatorSettings::clone(&world::evaluator_settings());
    settings.models.values_mut().for_each(|(model, _)| change(&mut model.policy));
    Arc::new(settings)
}

/// A stream without disorder whose drift begins in its middle and stays.
fn rows(seed: u64, rows: usize) -> Vec<Row> {
    world::stream(seed, rows, 0)
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

fn triggers(outputs: &[Output]) -> Vec<&RetrainingTrigger> {
    let all = outputs.iter().filter_map(|output| match output {
        Output::Trigger(trigger) => Some(&**trigger),
        _ => None,
    });
    all.filter(|trigger| &*trigger.version == "1").collect()
}

fn events(outputs: &[Output]) -> Vec<&DriftEvent> {
    world::events(outputs).into_iter().filter(|event| &*event.version == "1").collect()
}

/// What the changes of a trigger's life were, and when.
fn life<'a>(outputs: &'a [Output], id: &str) -> Vec<(i64, Transition, Option<&'a str>)> {
    let of_it = |event: &&&DriftEvent| event.trigger.as_ref().is_some_and(|trigger| trigger.id == id);
    let told = |event: &&'a DriftEvent| {
        let outcome = event.trigger.as_ref().and_then(|trigger| trigger.outcome.as_deref());
        (event.decided_at.ms(), event.transition, outcome)
    };
    events(outputs).iter().filter(of_it).map(told).collect()
}

fn reports(outputs: &[Output]) -> Vec<&WindowReport> {
    let all = outputs.iter().filter_map(|output| match output {
        Output::Report(report) => Some(&**report),
        _ => None,
    });
    all.filter(|report| &*report.version == "1" && report.segment.is_empty()).collect()
}

fn at(ms: i64, command: Command) -> (Time, Command) {
    (Time::from_ms(ms), command)
}

#[test]
fn a_command_works_once_under_faults_and_as_in_the_replay_that_is_told_when() {
    // Long enough that a command which is read late still finds its trigger open.
    let settings = settings(|policy| policy.retrain.ttl_ms = 60_000);
    let mut done: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..6 {
        let rows = world::stream(seed, 20_000, 400);
        // Until the mute ends no retraining is asked for.
        let first =
            triggers(&replayed(&rows, &settings, vec![at(2_000, mute("cmd_1", 13_000))]))[0].id.clone();
        let failed = Command { outcome: Some(Outcome::Failed), ..command("cmd_3", "trigger.close") };
        let twice = Command { version: None, ..mute("cmd_1", 9_000) };
        let control = vec![
            (40, mute("cmd_1", 13_000)),
            (60, twice),
            (60, on(&first, command("cmd_2", "trigger.acknowledge"))),
            (60, on(&first, failed)),
            (60, command("cmd_4", "silence")),
        ];
        let mut bus = Bus::new(&rows, &settings);
        bus.control = control;
        let bus = with_faults(bus, seed);
        let found = answers(&bus.outputs);
        let mut ids: Vec<&str> = found.iter().map(|answer| &*answer.id).collect();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "seed {seed}: each is answered once");
        // One to a trigger that is told last of all waits for a window's end that does not come.
        assert!(ids.contains(&"cmd_1") && ids.contains(&"cmd_4"), "seed {seed}: {ids:?}");
        let applied = || found.iter().filter(|answer| answer.status == Some(Status::Applied));
        applied().for_each(|answer| *done.entry(answer.id.clone()).or_default() += 1);
        let told = applied().map(|answer| {
            let effective_at = answer.effective_at.expect("it was done");
            (effective_at, Command { status: None, effective_at: None, ..(*answer).clone() })
        });
        let (one, other) =
            (comparable(&bus.outputs), comparable(&replayed(&rows, &settings, told.collect())));
        for (model, decided) in &other {
            assert_eq!(decided.len(), one[model].len(), "seed {seed}, model {model}");
            for (expected, found) in decided.iter().zip(&one[model]) {
                assert_eq!(expected, found, "seed {seed}, model {model}");
            }
        }
    }
    let often = ["cmd_1", "cmd_2", "cmd_3"].map(|id| done.get(id).copied().unwrap_or(0));
    assert!(often[0] == 6 && often[1..].iter().all(|times| *times >= 2), "most were done: {done:?}");
    assert!(!done.contains_key("cmd_4"));
}

#[test]
fn what_is_muted_is_tracked_and_told_at_the_end_if_it_is_still_open() {
    let rows = rows(3, 20_000);
    let settings = settings(|policy| policy.early = driftline::policy::Early::Off);
    let detected = |outputs: &[Output]| {
        let is_it =
            |event: &&&DriftEvent| event.transition == Transition::Detected && event.segment.is_empty();
        events(outputs)
            .iter()
            .filter(is_it)
            .map(|event| (event.decided_at.ms(), event.muted))
            .collect::<Vec<_>>()
    };
    assert_eq!(detected(&replayed(&rows, &settings, vec![])), [(11_000, false)]);
    let muted = replayed(&rows, &settings, vec![at(5_000, mute("cmd_1", 15_000))]);
    assert_eq!(detected(&muted), [(15_000, true)]);
    let event = events(&muted).into_iter().find(|event| event.muted).expect("it is told");
    assert_eq!(event.incident.opened_at.ms(), 11_000, "it was tracked all the time");
    for report in reports(&muted) {
        let is_in_force = (5_000..15_000).contains(&report.decided_at.ms());
        let ids: Vec<&str> = report.mutes.iter().map(|Mute { id, .. }| &**id).collect();
        assert_eq!(ids == ["cmd_1"], is_in_force, "{}", report.decided_at);
        let holds_back = report.triggers_withheld.contains(&"muted".to_owned());
        assert_eq!(holds_back, is_in_force && report.drift_share.unwrap_or(0.0) >= 0.3);
    }

    let unmute = at(13_000, command("cmd_2", "unmute"));
    let cut_short = replayed(&rows, &settings, vec![at(5_000, mute("cmd_1", 15_000)), unmute]);
    assert_eq!(detected(&cut_short), [(13_000, true)]);
    let other = Command { feature: Some("c".into()), ..mute("cmd_1", 15_000) };
    assert_eq!(detected(&replayed(&rows, &settings, vec![at(5_000, other)])), [(11_000, false)]);
}

#[test]
fn commands_that_can_not_be_done_are_refused_with_the_reason() {
    let rows = rows(3, 12_000);
    let settings = settings(|policy| policy.mute_max_ms = 10_000);
    let commands = vec![
        at(3_000, mute("cmd_1", 3_000)),
        at(3_000, mute("cmd_2", 13_001)),
        at(3_000, command("cmd_3", "unmute")),
        at(3_000, on("trg_0", command("cmd_4", "trigger.acknowledge"))),
        at(3_000, on("inc_0", command("cmd_5", "incident.close"))),
        at(3_000, Command { version: Some("9".into()), ..command("cmd_6", "trigger.request") }),
        at(3_000, command("cmd_7", "model.retire")),
        at(3_000, Command { version: None, ..command("cmd_8", "trigger.request") }),
    ];
    let outputs = replayed(&rows, &settings, commands);
    let why: BTreeMap<&str, &str> = answers(&outputs)
        .into_iter()
        .map(|answer| (&*answer.id, answer.refusal.as_deref().expect("it is refused")))
        .collect();
    let parts = [
        ("cmd_1", "has passed"),
        ("cmd_2", "policy.mute.max"),
        ("cmd_3", "no such mute"),
        ("cmd_4", "trg_0 is not open"),
        ("cmd_5", "inc_0 is not open"),
        ("cmd_6", "no version `9`"),
        ("cmd_7", "still has events"),
        ("cmd_8", "several versions"),
    ];
    for (id, part) in parts {
        assert!(why[id].contains(part), "{id}: {}", why[id]);
    }
    assert_eq!(why.len(), parts.len());
}

#[test]
fn a_trigger_that_nobody_acknowledges_comes_again_so_often_and_then_an_incident_says_so() {
    let outputs = replayed(&rows(3, 60_000), &settings(|_| {}), vec![]);
    let triggers = triggers(&outputs);
    let attempts: Vec<(u32, u32)> = triggers.iter().map(|one| (one.attempt, one.max_attempts)).collect();
    assert_eq!(attempts, [(1, 3), (2, 3), (3, 3)]);
    for (before, after) in triggers.iter().zip(&triggers[1..]) {
        assert_eq!(after.supersedes.as_ref(), Some(&before.id));
        let ttl_ms = 3_000;
        let expired = before.decided_at.plus_ms(ttl_ms).ms();
        assert_eq!(life(&outputs, &before.id), [(expired, Transition::Expired, None)]);
        assert!(after.decided_at.since_ms(before.decided_at) >= 5_000, "the cooldown");
    }
    let given_up: Vec<&DriftEvent> = events(&outputs)
        .into_iter()
        .filter(|event| event.trigger.is_none() && event.category.as_str() == "retraining")
        .collect();
    assert_eq!(given_up.len(), 1, "it is said once");
    assert_eq!((given_up[0].transition, given_up[0].severity), (Transition::Detected, Severity::Critical));
    let since = given_up[0].decided_at;
    let after = reports(&outputs).into_iter().filter(|report| report.decided_at >= since);
    assert!(after.clone().count() > 5);
    assert!(after.clone().all(|report| report.triggers_withheld.contains(&"max_attempts".to_owned())));

    // Closed by someone, it may be asked for again.
    let close = on(&given_up[0].incident.id, command("cmd_1", "incident.close"));
    let outputs = replayed(&rows(3, 60_000), &settings(|_| {}), vec![at(since.ms() + 2_000, close)]);
    let again = self::triggers(&outputs)[3];
    assert_eq!((again.attempt, again.decided_at.ms()), (1, since.ms() + 2_000));
}

#[test]
fn a_run_that_failed_is_asked_for_again_and_one_that_was_rejected_is_not() {
    let rows = rows(3, 40_000);
    let settings = settings(|policy| policy.retrain.reject_hold_ms = 60_000);
    let first = replayed(&rows, &settings, vec![]);
    let (id, decided) = (triggers(&first)[0].id.clone(), triggers(&first)[0].decided_at.ms());
    let close = |outcome| Command { outcome: Some(outcome), ..on(&id, command("cmd_2", "trigger.close")) };
    let acknowledge = || at(decided + 1_000, on(&id, command("cmd_1", "trigger.acknowledge")));
    let ended =
        |outcome| replayed(&rows, &settings, vec![acknowledge(), at(decided + 7_000, close(outcome))]);

    let failed = ended(Outcome::Failed);
    let told = [
        (decided + 1_000, Transition::Acknowledged, None),
        (decided + 7_000, Transition::Closed, Some("failed")),
    ];
    assert_eq!(life(&failed, &id), told, "it did not expire in between");
    let next = triggers(&failed)[1];
    assert_eq!((next.attempt, next.decided_at.ms()), (2, decided + 7_000));
    assert_eq!(next.supersedes.as_ref(), Some(&id));

    let succeeded = ended(Outcome::Succeeded);
    let next = triggers(&succeeded)[1];
    assert_eq!((next.attempt, next.supersedes.as_ref()), (1, None));

    let rejected = ended(Outcome::Rejected);
    assert_eq!(triggers(&rejected).len(), 1);
    let after = reports(&rejected).into_iter().filter(|report| report.decided_at.ms() > decided + 7_000);
    assert!(after.clone().count() > 5);
    for report in after {
        assert!(report.triggers_withheld.contains(&"rejected".to_owned()), "{}", report.decided_at);
    }
}

/// The stream with an activation of the world's reference, from `from` on.
fn with_activation(rows: &[Row], version: &str, from: i64, trigger_id: Option<String>) -> Vec<Output> {
    let settings = settings(|policy| policy.retrain.ttl_ms = 60_000);
    let topics = vec![("in".into(), 1)];
    let mut pipeline = Pipeline::new(world::sketcher_settings(), settings, world::references(), topics);
    pipeline.references_mut().activate(Activation {
        schema_version: 1,
        r#type: "reference_activation".into(),
        model: "fraud".into(),
        version: version.into(),
        effective_from: Time::from_ms(from),
        reference_id: world::reference().id().clone(),
        origin: Origin::Training,
        trigger_id,
        actor: "test".into(),
        reason: None,
        published_at: Time::EPOCH,
    });
    for (offset, row) in rows.iter().enumerate() {
        pipeline.take("in", 0, offset as i64, None, Ok(row.event()));
    }
    pipeline.commit()
}

#[test]
fn a_reference_closes_the_trigger_that_it_names_once_it_is_in_force() {
    let rows = rows(3, 24_000);
    let id = triggers(&with_activation(&rows, "1", 90_000, None))[0].id.clone();
    let outputs = with_activation(&rows, "1", 20_000, Some(id.clone()));
    assert_eq!(life(&outputs, &id), [(21_000, Transition::Closed, Some("succeeded"))]);
    let later = with_activation(&rows, "1", 90_000, Some(id.clone()));
    assert_eq!(life(&later, &id), [], "not before it is in force");
}

#[test]
fn a_new_version_that_was_trained_closes_the_trigger_of_the_one_before() {
    let mut rows = rows(3, 24_000);
    let decided = triggers(&with_activation(&rows, "8", 90_000, None))[0].decided_at.ms();
    assert!(decided < 18_000);
    let replaced = |row: &mut Row| {
        if row.version == "2" && row.time_ms >= 18_000 {
            row.version = "8";
        }
    };
    rows.iter_mut().for_each(replaced);
    let outputs = with_activation(&rows, "8", 0, None);
    let id = triggers(&outputs)[0].id.clone();
    assert_eq!(life(&outputs, &id), [(19_000, Transition::Closed, Some("succeeded"))]);
}

#[test]
fn retraining_comes_by_schedule_and_when_someone_asks() {
    // Before its drift begins.
    let rows = &rows(3, 20_000)[..9_000];
    let every = settings(|policy| policy.retrain.schedule_ms = Some(3_000));
    let outputs = replayed(rows, &every, vec![]);
    let scheduled: Vec<(i64, Cause)> =
        triggers(&outputs).iter().map(|trigger| (trigger.decided_at.ms(), trigger.cause)).collect();
    // The cooldown of 5 s is longer than the schedule.
    assert_eq!(scheduled, [(3_000, Cause::Schedule), (8_000, Cause::Schedule)]);
    assert_eq!(triggers(&outputs)[0].severity, Severity::Ok);

    let warm = settings(|policy| policy.warmup_ms = 60_000);
    let ask = |ms, id| at(ms, command(id, "trigger.request"));
    let outputs = replayed(rows, &warm, vec![ask(4_000, "cmd_1"), ask(5_000, "cmd_2"), ask(8_000, "cmd_3")]);
    let asked: Vec<(i64, Cause)> =
        triggers(&outputs).iter().map(|trigger| (trigger.decided_at.ms(), trigger.cause)).collect();
    assert_eq!(asked, [(4_000, Cause::Manual), (8_000, Cause::Manual)]);
    let refused = answers(&outputs).into_iter().find(|answer| answer.id == "cmd_2").expect("an answer");
    assert!(refused.refusal.as_ref().is_some_and(|why| why.contains("a trigger is open")));
}

#[test]
fn an_incident_is_acknowledged_and_closed_by_its_id() {
    let rows = rows(3, 20_000);
    let settings = settings(|policy| policy.event_cooldown_ms = 60_000);
    let is_first =
        |event: &&&DriftEvent| event.transition == Transition::Detected && event.segment.is_empty();
    let first = replayed(&rows, &settings, vec![]);
    let id = events(&first).iter().find(is_first).expect("the shift is found").incident.id.clone();
    let commands = vec![
        at(14_000, on(&id, command("cmd_1", "incident.acknowledge"))),
        at(16_000, on(&id, command("cmd_2", "incident.close"))),
    ];
    let outputs = replayed(&rows, &settings, commands);
    let closed: Vec<&DriftEvent> = events(&outputs)
        .into_iter()
        .filter(|event| event.incident.id == id && event.transition == Transition::Resolved)
        .collect();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].decided_at.ms(), 16_000);
    assert_eq!(serde_json::to_value(closed[0].reason).expect("a reason"), "closed_by_user");
    assert_eq!(closed[0].incident.acknowledged_at, Some(Time::from_ms(14_000)));
    let later = |event: &&DriftEvent| event.decided_at.ms() > 16_000 && event.segment.is_empty();
    let told = events(&outputs).into_iter().filter(later).filter(|event| event.feature.is_some()).count();
    assert_eq!(told, 0, "what goes on is quiet for the cooldown");
}

#[test]
fn a_version_without_events_is_retired_when_someone_says_so() {
    let mut rows = rows(3, 24_000);
    rows.retain(|row| row.version != "1" || row.time_ms < 15_000);
    let retire = |ms| vec![at(ms, command("cmd_1", "model.retire"))];
    let settings = settings(|policy| policy.retrain.ttl_ms = 60_000);
    let outputs = replayed(&rows, &settings, retire(17_000));
    let retired = |outputs: &[Output]| {
        outputs
            .iter()
            .any(|output| matches!(output, Output::VersionRetired { version, .. } if &**version == "1"))
    };
    assert!(retired(&outputs) && !retired(&replayed(&rows, &settings, vec![])));
    let resolved = events(&outputs).into_iter().filter(|event| event.decided_at.ms() == 17_000);
    let reasons: Vec<serde_json::Value> = resolved
        .filter(|event| event.transition == Transition::Resolved)
        .map(|event| serde_json::to_value(event.reason).expect("a reason"))
        .collect();
    assert!(!reasons.is_empty() && reasons.iter().all(|reason| reason == "version_retired"), "{reasons:?}");
    let id = &triggers(&outputs)[0].id;
    assert_eq!(life(&outputs, id), [(17_000, Transition::Expired, None)], "nobody can act on it any more");
    let still = replayed(&rows, &settings, retire(10_000));
    assert!(!retired(&still), "it had events");
}

#[test]
fn a_trigger_expires_in_its_time_while_the_stream_is_silent() {
    // Before its drift begins, so that nothing else is open.
    let mut rows = rows(3, 20_000);
    rows.truncate(9_000);
    rows.iter_mut().filter(|row| row.time_ms >= 6_000).for_each(|row| row.time_ms += 200_000);
    let settings = settings(|policy| policy.retrain.ttl_ms = 60_000);
    let outputs = replayed(&rows, &settings, vec![at(4_000, command("cmd_1", "trigger.request"))]);
    let id = &triggers(&outputs)[0].id;
    assert_eq!(life(&outputs, id), [(64_000, Transition::Expired, None)]);
}
