//! Early sight: alarms inside panes, before the windows that confirm them, or don't.

use crate::windows::run_with;
use crate::world::{self, Row, events};
use driftline::engine::{EvaluatorSettings, Output};
use driftline::measure::sequential::Support;
use driftline::policy::Early;
use driftline::policy::record::{Category, DecidedBy, DriftEvent, ResolveReason, Transition};
use driftline::words::Severity;
use std::sync::Arc;

fn decided(early: Early, rows: &[Row]) -> Vec<Output> {
    let mut settings = EvaluatorSettings::clone(&world::evaluator_settings());
    settings.models.values_mut().for_each(|(model, _)| model.policy.early = early);
    run_with(Arc::new(settings), rows, 3, 50).0
}

/// The events of all traffic of fraud/1 about `category` of a feature.
fn of_feature<'a>(outputs: &'a [Output], feature: &str, category: Category) -> Vec<&'a DriftEvent> {
    let is_of = |event: &&DriftEvent| {
        (&*event.model, &*event.version) == ("fraud", "1")
            && event.segment.is_empty()
            && event.feature.as_deref() == Some(feature)
            && event.category == category
    };
    events(outputs).into_iter().filter(is_of).collect()
}

#[test]
fn a_shift_is_a_warning_within_looks_and_the_next_window_escalates_it() {
    // From 10,000 ms on `x` of fraud/1 moves by a standard deviation; it has some 60 rows a look.
    let outputs = decided(Early::On, &world::stream(3, 20_000, 200));
    let found = of_feature(&outputs, "x", Category::Distribution);
    let (first, second) = (found[0], found[1]);
    assert!(first.early && first.transition == Transition::Detected);
    assert_eq!((first.severity, &*first.decided_by), (Severity::Warning, &[DecidedBy::Sequential][..]));
    let after = first.decided_at.ms() - 10_000;
    assert!((100..=500).contains(&after), "told {after} ms after the shift");
    let onset = first.incident.onset_estimate.ms() - 10_000;
    assert!((-200..=200).contains(&onset), "dated {onset} ms after the shift");
    assert!(first.window.is_none() && first.measures.is_none() && first.tests.is_none());
    assert!(first.explanation.contains("of the rows turned into values above 0.9"), "{}", first.explanation);
    // The windows that close since make it worse, under the same identity.
    assert!(!second.early && second.transition == Transition::Escalated);
    assert_eq!((second.decided_by[0], second.incident.sequence), (DecidedBy::Shape, 2));
    assert!(second.incident.id == first.incident.id && second.severity > Severity::Warning);
    assert!(events(&outputs).iter().all(|event| !event.early || event.decided_at.ms() > 10_000));
    let trigger = outputs.iter().find_map(|output| match output {
        Output::Trigger(trigger) => Some(trigger.decided_at),
        _ => None,
    });
    assert!(trigger.is_some_and(|trigger| trigger >= second.decided_at), "an early event never triggers");
}

#[test]
fn what_the_windows_do_not_show_is_not_confirmed() {
    let mut rows = world::stream(5, 9_000, 0);
    // 40 ms without `x`: one in a hundred rows of a window.
    let gone = |row: &&mut Row| (4_200..4_240).contains(&row.time_ms);
    rows.iter_mut().filter(gone).for_each(|row| row.x = None);
    let outputs = decided(Early::On, &rows);
    let found = of_feature(&outputs, "x", Category::Quality);
    let told: Vec<_> = found.iter().map(|event| (event.transition, event.reason)).collect();
    let resolved = (Transition::Resolved, Some(ResolveReason::NotConfirmed));
    assert_eq!(told, [(Transition::Detected, None), resolved]);
    assert_eq!((found[0].early, found[0].decided_at.ms()), (true, 4_300));
    // Half of a window of 4,000 ms must be of the time since.
    assert_eq!(found[1].decided_at.ms(), 7_000);
}

#[test]
fn it_is_off_unless_asked_for_or_found_to_suit_and_reports_say_from_what_change_on_it_tells() {
    let rows = world::stream(3, 12_000, 200);
    let supports = |outputs: &[Output]| -> Vec<Support> {
        let of = |output: &Output| match output {
            Output::Report(report) => report.features.iter().filter_map(|feature| feature.early).collect(),
            _ => vec![],
        };
        outputs.iter().flat_map(of).collect()
    };
    // The reference was built without trying it.
    for early in [Early::Auto, Early::Off] {
        let outputs = decided(early, &rows);
        assert!(events(&outputs).iter().all(|event| !event.early), "{early:?}");
        assert!(supports(&outputs).is_empty());
    }
    let supports = supports(&decided(Early::On, &rows));
    assert!(supports.iter().any(|support| support.shift == Some(0.25) && support.missing.is_some()));
}
