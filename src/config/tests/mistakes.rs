//! What is said of each kind of mistake.

use super::*;
use insta::assert_snapshot;

#[test]
fn an_unknown_key_is_told_with_its_place_and_the_nearest_name() {
    assert_snapshot!(mistakes("[window]\nsise = \"24h\"\n[comit]\n[policy.retrain]\n  frequency = 3\n"), @r"
    unknown key `window.sise`
      --> driftline.toml:2:1
      help: did you mean `size`?
    unknown key `comit`
      --> driftline.toml:3:2
      help: did you mean `commit`?
    unknown key `policy.retrain.frequency`
      --> driftline.toml:5:3
      help: known: on, block_on, share, share_min_features, settle, min_rows_since_onset, lookback, cooldown, daily_budget, schedule, max_attempts, ttl, run_ttl, reject_hold
    ");
}

#[test]
fn all_mistakes_are_shown_at_once_in_the_order_of_the_file() {
    let text = r#"
[window]
size = 24
slide = "1 fortnight"
[input]
topics = ["a", "b c"]
start = "2026-03-01"
format = "jsn"
[policy]
min_completeness = 1.5
min_rows = -1
raise = { k = 5, n = 4 }
thresholds.psi = { warning = 0.2 }
[[model]]
name = "fraud"
segments = ["country"]
[model.features.amount]
importance = "high"
thresholds.ks.critical = 2
[[model]]
name = "fraud"
[[model]]
owner = "me"
"#;
    assert_snapshot!(mistakes(text), @r#"
    `window.size` must be a duration such as "30s", not an integer
      --> driftline.toml:3:8
    `window.slide` must be a duration, not "1 fortnight"
      --> driftline.toml:4:9
      help: write "500ms", "30s", "5m", "24h" or "30d"
    `input.topics` (item 2) can't be "b c"
      --> driftline.toml:6:16
      help: Kafka's names are at most 249 of a-z, A-Z, 0-9, dot, underscore and hyphen
    `input.start` can't be "2026-03-01"
      --> driftline.toml:7:9
      help: write "earliest", "latest", or a time with its zone: "2026-03-01T00:00:00Z"
    `input.format` can't be "jsn"
      --> driftline.toml:8:10
      help: did you mean `json`?
    `policy.min_completeness` must be a number from 0 to 1, not 1.5
      --> driftline.toml:10:20
    `policy.min_rows` must be 1 or more, not -1
      --> driftline.toml:11:12
    `policy.raise` asks for 5 of 4 windows
      --> driftline.toml:12:15
    `policy.clear.k` (3) is below `policy.raise.k` (5)
      --> driftline.toml:12:15
      help: the budget holds only where clearing takes at least as many windows as raising
    `thresholds.psi.warning` (0.2) is above `thresholds.psi.drift` (0.1)
      --> driftline.toml:13:30
      help: thresholds ascend: warning, drift, critical
    `model.segments` (item 1) must be a JSON Pointer, not "country"
      --> driftline.toml:16:13
      help: it starts with a slash: "/country"
    `model.features.amount.importance` must be a number of 0 or more, not a text
      --> driftline.toml:18:14
    `thresholds.ks.critical` must be a number above 0, at most 1, not 2
      --> driftline.toml:19:26
    two models are called "fraud"
      --> driftline.toml:21:8
      help: the first is at driftline.toml:15:8
    `model.name` is missing
      --> driftline.toml:22:1
    "#);
}

#[test]
fn what_is_not_built_is_refused_with_the_reason() {
    let text = r#"
[window]
season = "month"
time_zone = "Europe/Atlantis"
[input]
preset = "kserve"
unknown_features = "monitor"
[policy.early]
enabled = "sometimes"
[policy.retrain]
on = ["performance"]
schedule = "monthly"
[policy.mute]
max = "0s"
[metrics]
features = "incident"
[[model]]
name = "fraud"
on_missing_reference = "guess"
[model.features.amount]
sensitive = true
"#;
    assert_snapshot!(mistakes(text), @r#"
    `window.season` can't be "month"
      --> driftline.toml:3:10
      help: known: none, day, week
    `window.time_zone` "Europe/Atlantis" is not a time zone (write an IANA name, such as "Europe/Berlin")
      --> driftline.toml:4:13
    `input.preset` can't be "kserve": this is not built yet
      --> driftline.toml:6:10
      help: what is built: driftline
    `input.unknown_features` can't be "monitor": this is not built yet
      --> driftline.toml:7:20
      help: what is built: report, ignore
    `policy.early.enabled` must be "auto", not "sometimes"
      --> driftline.toml:9:11
    `policy.retrain.on` (item 1) can't be "performance": this is not built yet
      --> driftline.toml:11:7
      help: what is built: share, feature, prediction
    `policy.retrain.schedule` must be a schedule, not "monthly"
      --> driftline.toml:12:12
      help: write "every 30d"
    `policy.mute.max` must be longer than nothing
      --> driftline.toml:14:7
    `metrics.features` can't be "incident": this is not built yet
      --> driftline.toml:16:12
      help: what is built: none
    `model.on_missing_reference` can't be "guess"
      --> driftline.toml:19:24
      help: known: wait, inherit, bootstrap
    `model.features.amount.sensitive` is not built yet: hashed categories
      --> driftline.toml:21:1
      help: leave it out: it is as if it were false
    "#);
}

#[test]
fn a_setting_that_is_not_built_may_say_so() {
    let text = "input.max_watermark_step = \"\"\nprivacy.categories = \"plain\"\n";
    assert_eq!(good(text), Config::default());
}

#[test]
fn a_window_grows_by_whole_panes_and_never_below_its_size() {
    let told = |grow_to: &str| mistakes(&format!("window.grow_to = {grow_to}\n"));
    assert_snapshot!(told("\"30h 30m\""), @r"
    how far a window may grow (109800000 ms) must be a multiple of its slide (3600000 ms)
      --> driftline.toml:1:18
      help: `window.slide` divides `window.grow_to`, which is `window.size` or longer
    ");
    assert_snapshot!(told("\"12h\""), @r"
    how far a window may grow (43200000 ms) must be at least its size (86400000 ms)
      --> driftline.toml:1:18
      help: `window.slide` divides `window.grow_to`, which is `window.size` or longer
    ");
    assert_snapshot!(told("\"0s\""), @r"
    `window.grow_to` must be longer than nothing
      --> driftline.toml:1:18
    ");
    let text = "window.size = \"48h\"\nwindow.grow_to = \"24h\"\n";
    assert_eq!(read(text).unwrap_err().errors().len(), 1);
}

#[test]
fn a_mistake_in_the_policy_is_told_once_for_all_models() {
    let text = "policy.thresholds.psi.drift = -1\n[[model]]\nname = \"a\"\n[model.features.x]\n[[model]]\nname = \"b\"\n";
    assert_eq!(read(text).unwrap_err().errors().len(), 1);
}

#[test]
fn cross_checks_blame_what_the_user_wrote() {
    let text = r#"
[window]
slide = "7m"
[http]
listen = "0.0.0.0:9600"
[input]
format = "avro"
topics = ["drift-events"]
[commit]
interval = "0s"
[[model]]
name = "fraud"
topics = ["drift-event"]
"#;
    assert_snapshot!(mistakes(text), @r#"
    the window's size (86400000 ms) must be a multiple of its slide (420000 ms)
      --> driftline.toml:3:9
      help: `window.slide` divides `window.size`, `window.look` divides `window.slide`
    `http.listen` is 0.0.0.0:9600, which others reach, and nothing asks who they are
      --> driftline.toml:5:10
      help: name a file with a token as `http.token_file`, say `http.allow_anonymous = true`, or listen on 127.0.0.1
    `input.format` is "avro", and there is no schema registry
      --> driftline.toml:7:10
      help: set `schema_registry.url`; or `input.schemas`, if records name a fingerprint
    `output.events` and `input.topics` are the same topic "drift-events"
      --> driftline.toml:8:10
    `commit.interval` must be longer than nothing
      --> driftline.toml:10:12
    `model.topics` names "drift-event", which `input.topics` does not
      --> driftline.toml:13:11
      help: did you mean `drift-events`?
    "#);
}

#[test]
fn a_bootstrap_is_not_shorter_than_its_shortest_nor_of_no_rows() {
    let text = "[bootstrap]\nmin_rows = 0\nmin_duration = '8d'\ntrust_bootstrap = 'yes'\n";
    assert_snapshot!(mistakes(text), @r#"
    `bootstrap.min_rows` must be from 1 to 1000000000, not 0
      --> driftline.toml:2:12
    `bootstrap.max_duration` is shorter than `bootstrap.min_duration`
      --> driftline.toml:3:16
    `bootstrap.trust_bootstrap` must be true or false, not a text
      --> driftline.toml:4:19
    "#);
}
