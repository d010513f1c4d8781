//! Early sight keeps its promises: the short form of `make early`, with fixed seeds.

#[path = "../benches/early/simulation.rs"]
mod simulation;

use simulation::{Law, Setting, Values, delays, rate};

/// Small enough that false alarms are seen in a test's time.
const ROWS_PER_FALSE_ALARM: f64 = 1e5;

fn setting(values: Values, reference_rows: u64, references: u64) -> Setting {
    Setting {
        law: Law { values, missing: 0.02 },
        reference_rows,
        look_rows: 50,
        rows_per_false_alarm: ROWS_PER_FALSE_ALARM,
        references,
        seed: 20_260_301,
    }
}

#[test]
fn false_alarms_stay_within_what_is_allowed_with_small_references_too() {
    for values in [Values::Normal, Values::Zeros, Values::Zipf(100)] {
        for reference_rows in [1_000, 15_000] {
            let found = rate(setting(values, reference_rows, 20), 2_000_000);
            assert!(found.per_allowed <= 1.0, "{found:?}");
            assert!(found.rows == 2_000_000, "{found:?}");
        }
    }
}

#[test]
fn every_change_that_a_reference_supports_is_found_about_as_soon_as_can_be() {
    for values in [Values::Normal, Values::Zeros, Values::Zipf(20)] {
        let delays = delays(setting(values, 15_000, 10), 3);
        assert!(delays.len() > 20, "only {} changes are supported", delays.len());
        for delay in delays {
            assert!(delay.missed == 0.0 && delay.median <= delay.promised(), "{delay:?}");
            // What grows slowly began at a time that is hard to tell.
            let slack = 5.0 + 0.2 * delay.limit / delay.setting.look_rows as f64;
            assert!(delay.onset_error <= slack, "{delay:?}");
        }
    }
}
