//! Defaults are the contract's, each stands in `default.toml`, and they give way in a fixed order.

use super::*;
use crate::measure::{MEASURES, Measure, Range};
use crate::policy::{Budget, Levels, Mode, Raise};
use crate::words::{Kind, Severity, Time};
use std::path::Path;
use tree::Node;

/// Section 7 of the contracts without what is not built.
const CONTRACT: &str = r#"
include = []
[kafka]
brokers = "127.0.0.1:9092"
application_id = "driftline"
instance = ""
[kafka.properties]
[input]
topics = ["inference-events"]
format = "json"
preset = "driftline"
start = "latest"
on_lost_offsets = "stop"
max_future_skew = "10m"
max_ahead = "2 slides"
max_watermark_step = ""
unknown_models = "count"
unknown_features = "report"
[input.fields]
[output]
format = "json"
events = "drift-events"
triggers = "retraining-triggers"
reports = "driftline.reports"
dead_letters = "driftline.dead-letters"
[window]
size = "24h"
slide = "1h"
look = "10s"
grow_to = ""
allowed_lateness = "1m"
idle_timeout = "5m"
season = "none"
[commit]
interval = "1s"
max_delta_rate = "8MiB"
snapshot_interval = "60s"
[references]
lead = "5m"
[http]
listen = "127.0.0.1:9600"
probe_listen = ""
[policy]
mode = "trigger"
warmup = "24h"
min_rows = 500
min_completeness = 0.9
budget = { false_events = 1.0, per = "30d" }
thresholds.psi = { warning = 0.04, drift = 0.1, critical = 0.25 }
thresholds.ks  = { warning = 0.08, drift = 0.125, critical = 0.2 }
thresholds.share = { warning = 0.02, drift = 0.1, critical = 0.5 }
suffixes = "calibrated"
raise = { k = 1, n = 1, min_spread = "0%" }
clear = { k = 3, n = 3, factor = 0.8 }
event_cooldown = "6h"
stale_after = "24h"
version_retire_after = "24h"
min_traffic_share = 0.05
[policy.early]
enabled = "auto"
[policy.mute]
max = "30d"
[policy.events]
max_feature_events = 5
max_events_per_hour = 20
min_severity = "warning"
[policy.retrain]
on = ["share", "prediction"]
block_on = ["quality","schema","completeness"]
share = 0.3
share_min_features = 2
schedule = ""
settle = "6h"
min_rows_since_onset = 10000
lookback = "30d"
cooldown = "24h"
daily_budget = 1
max_attempts = 3
ttl = "72h"
run_ttl = "7d"
reject_hold = "7d"
[bootstrap]
min_rows = 10000
min_duration = "24h"
max_duration = "7d"
trust_bootstrap = false
[limits]
models = 1000
live_versions = 5
segments = 50
features = 1000
categories = 1000
[metrics]
features = "none"
[privacy]
categories = "plain"
dead_letters = "whole"
"#;

const CONTRACT_MODEL: &str = r#"
[[model]]
name = "fraud"
topics = []
reference = "topic"
on_missing_reference = "wait"
segments = []
owner = ""
runbook_url = ""
labels = {}
[model.features.amount]
role = ""
kind = ""
importance = 1.0
sensitive = false
"#;

/// Keys that the contract's text leaves to the defaults.
const BESIDE_THE_CONTRACT: [&str; 21] = [
    "schema_registry.url",
    "schema_registry.basic_auth",
    "schema_registry.basic_auth_file",
    "input.schemas",
    "input.allow",
    "input.workers",
    "input.fields.id",
    "input.fields.model",
    "input.fields.version",
    "input.fields.time",
    "input.fields.features",
    "input.fields.prediction",
    "topics.references",
    "topics.deltas",
    "topics.panes",
    "topics.control",
    "topics.partitions",
    "window.time_zone",
    "http.allow_anonymous",
    "http.token_file",
    "kafka.properties",
];

/// The paths of all values of a file; for models, those of the first.
fn paths(text: &str) -> BTreeSet<String> {
    fn walk(path: &str, node: &Node, found: &mut BTreeSet<String>) {
        let inner = match &node.value {
            Value::Array(items) if items.first().is_some_and(|item| item.table().is_some()) => &items[0],
            _ => node,
        };
        let below = inner.table().filter(|table| !table.is_empty());
        if below.is_none() {
            found.insert(path.into());
        }
        for (key, entry) in below.into_iter().flatten() {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            walk(&path, &entry.node, found);
        }
    }
    let mistakes = Mistakes::default();
    let node = tree::parse(text, "text", None, &env, &mistakes).unwrap();
    let mut found = BTreeSet::new();
    walk("", &node, &mut found);
    mistakes.finish(Some(found)).unwrap()
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    assert_eq!(good(CONTRACT), Config::default());
    let listed = good(&format!("{CONTRACT}{CONTRACT_MODEL}"));
    let named = good("[[model]]\nname = \"fraud\"\n");
    assert_eq!(listed.model("fraud").unwrap().policy, named.model("fraud").unwrap().policy);
    assert_eq!(named.model("fraud"), Some(&Config::default().unlisted_model("fraud")));
    let contract = paths(&format!("{CONTRACT}{CONTRACT_MODEL}"));
    let beside: BTreeSet<String> = paths(DEFAULT_TOML).difference(&contract).cloned().collect();
    assert_eq!(
        beside,
        BESIDE_THE_CONTRACT.iter().filter(|path| !contract.contains(**path)).map(|p| p.to_string()).collect()
    );
}

#[test]
fn the_defaults_are_read_in_their_units() {
    let config = Config::default();
    assert_eq!((config.window.grid.panes(), config.window.grid.size_ms()), (24, 24 * HOUR));
    assert_eq!((config.window.grid.look_ms(), config.window.grid.reach()), (10_000, 24));
    assert_eq!(good("window.grow_to = \"7d\"\n").window.grid.reach(), 7 * 24);
    assert_eq!((config.input.max_ahead_ms, config.input.workers), (2 * HOUR, 1));
    assert_eq!(config.commit.max_delta_rate_bytes, 8 << 20);
    assert_eq!(config.policy.budget, Budget { false_events: 1.0, per_ms: 30 * 24 * HOUR });
    assert_eq!(
        config.policy.thresholds.measures.ks,
        Some(Levels { warning: 0.08, drift: 0.125, critical: 0.2 })
    );
    assert_eq!(config.policy.raise, Raise { k: 1, n: 1, min_spread: 0.0 });
    assert_eq!(config.policy.events.min_severity, Severity::Warning);
    assert_eq!(config.topics.partitions, 12);
    assert_eq!(config.input.fields.time, TimeSource::Pointer("/time".into()));
    assert_eq!((config.schema_registry, config.kafka.instance, config.models), (None, None, vec![]));
}

#[test]
fn the_list_of_defaults_is_itself_a_configuration() {
    let config = Config::from_toml(DEFAULT_TOML, "default.toml").unwrap();
    assert_eq!(config.models.len(), 1);
    assert_eq!(Config { models: vec![], ..config }, Config::default());
}

#[test]
fn every_setting_in_the_defaults_has_a_comment_above_it() {
    let mut above = "";
    for line in DEFAULT_TOML.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(above.starts_with("# "), "no comment above: {line}");
        }
        above = line;
    }
}

#[test]
fn every_table_refuses_keys_that_it_does_not_know() {
    let tables: BTreeSet<String> = paths(DEFAULT_TOML)
        .iter()
        .filter_map(|path| Some(path.rsplit_once('.')?.0.to_owned()))
        .filter(|table| !table.starts_with("model"))
        .collect();
    assert!(tables.len() > 15, "{tables:?}");
    for table in tables {
        // Policies and features share the table of thresholds, and its name in messages.
        let called = if table.contains("thresholds") { &table["policy.".len()..] } else { &table };
        let shown = mistakes(&format!("{table}.zzz = 1"));
        assert!(shown.starts_with(&format!("unknown key `{called}.zzz`\n")), "{shown}");
    }
    for table in ["model", "model.policy", "model.features.x"] {
        let key = format!("{table}.zzz").replacen("model.", "", 1);
        let shown = mistakes(&format!("[[model]]\nname = \"a\"\n{key} = 1"));
        let called = format!("{table}.zzz").replace("model.policy", "policy");
        assert!(shown.starts_with(&format!("unknown key `{called}`\n")), "{shown}");
    }
}

#[test]
fn every_setting_refuses_a_value_of_the_wrong_type() {
    for path in paths(DEFAULT_TOML) {
        let (table, key) = match path.strip_prefix("model.") {
            Some(key) => ("[[model]]\n", key),
            None => ("", path.as_str()),
        };
        let shown = mistakes(&format!("{table}{key} = [[1]]"));
        let last = key.rsplit('.').next().unwrap();
        assert!(shown.contains(&format!("{last}`")), "{path}: {shown}");
    }
    for text in ["policy = 3", "window = 3", "input.fields = 3", "policy.raise = 3", "model = 3"] {
        mistakes(text);
        mistakes(&format!("{text}\n[[model]]\nname = \"a\"\n[model.features.x]"));
    }
    for text in ["features = 3", "features.x = 3", "labels = 3", "policy = 3", "policy.thresholds.psi = 3"] {
        mistakes(&format!("[[model]]\nname = \"a\"\n{text}"));
    }
}

#[test]
fn the_example_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("driftline.toml");
    let config = Config::load(&path).unwrap_or_else(|errors| panic!("{errors}"));
    let fraud = config.model("fraud").unwrap();
    assert_eq!((config.policy.mode, fraud.policy.mode), (Mode::Alert, Mode::Trigger));
    assert_eq!(fraud.feature("amount").importance, 2.0);
}

#[test]
fn a_model_overrides_the_policy_and_a_feature_the_model() {
    let config = good(
        r#"
policy.min_rows = 600
policy.thresholds.psi.drift = 0.11
[[model]]
name = "a"
[model.policy]
min_rows = 700
thresholds.psi.critical = 0.3
[model.features.x]
kind = "categorical"
thresholds.psi.warning = 0.05
[[model]]
name = "b"
"#,
    );
    let (a, b) = (config.model("a").unwrap(), config.model("b").unwrap());
    assert_eq!((config.policy.min_rows, a.policy.min_rows, b.policy.min_rows), (600, 700, 600));
    assert_eq!(config.unlisted_model("c").policy, config.policy);
    assert_eq!(b.policy.thresholds.measures.psi, Some(Levels { warning: 0.04, drift: 0.11, critical: 0.25 }));
    assert_eq!(
        a.feature("y").thresholds.measures.psi,
        Some(Levels { warning: 0.04, drift: 0.11, critical: 0.3 })
    );
    assert_eq!(
        a.feature("x").thresholds.measures.psi,
        Some(Levels { warning: 0.05, drift: 0.11, critical: 0.3 })
    );
    assert_eq!((a.feature("x").kind, a.feature("x").role), (Some(Kind::Categorical), None));
}

#[test]
fn any_measure_may_have_thresholds_and_only_psi_and_ks_have_them_by_default() {
    for info in &MEASURES {
        let of = |config: &Config| *config.policy.thresholds.measures.get(info.measure);
        let is_default = matches!(info.measure, Measure::Psi | Measure::Ks);
        assert_eq!(of(&Config::default()).is_some(), is_default, "{}", info.name);
        assert!(DEFAULT_TOML.contains(&format!("thresholds.{} = ", info.name)), "{}", info.name);

        let key = format!("policy.thresholds.{}", info.name);
        let set = good(&format!("{key} = {{ warning = 0.2, drift = 0.3, critical = 0.4 }}"));
        assert_eq!(of(&set), Some(Levels { warning: 0.2, drift: 0.3, critical: 0.4 }));
        let beyond = format!("{key} = {{ warning = 0.2, drift = 0.3, critical = 1.5 }}");
        match info.range {
            Range::Fraction => assert!(mistakes(&beyond).contains("at most 1"), "{}", info.name),
            _ => _ = good(&beyond),
        }
        if !is_default {
            let shown = mistakes(&format!("{key} = {{ drift = 0.3 }}"));
            assert!(shown.contains(&format!("`thresholds.{}.warning` is missing", info.name)), "{shown}");
        }
    }
    let text = "policy.thresholds.hellinger = { warning = 0.1, drift = 0.2, critical = 0.3 }\n[[model]]\nname = 'a'\n\
                [model.features.x]\nthresholds.hellinger.drift = 0.25\n";
    let of = |feature: &str| good(text).model("a").unwrap().feature(feature).thresholds.measures.hellinger;
    assert_eq!(of("x").map(|levels| levels.drift), Some(0.25));
    assert_eq!(of("y").map(|levels| levels.drift), Some(0.2));
}

#[test]
fn fields_may_be_constants_and_times_of_the_record() {
    let config = good(
        "[input]\nstart = 2026-03-01T00:00:00Z\nmax_ahead = \"30m\"\nunknown_models = \"monitor\"\nallow = [\"eu-*\"]\n\
         [input.fields]\nmodel = \"=fraud\"\nversion = \"\"\ntime = \"record\"\n",
    );
    assert_eq!(config.input.start, Start::At(Time::parse("2026-03-01T00:00:00Z").unwrap()));
    assert_eq!(config.input.max_ahead_ms, HOUR / 2);
    assert_eq!(config.input.fields.model, NameSource::Constant("fraud".into()));
    assert_eq!((config.input.fields.version.clone(), &config.input.fields.time), (None, &TimeSource::Record));
    assert!(config.input.allows("eu-fraud") && !config.input.allows("us-fraud"));
}

#[test]
fn a_config_id_names_content_not_form() {
    let one =
        good("[[model]]\nname = \"a\"\nowner = \"me\"\n[model.policy]\nmin_rows = 600\nwarmup = \"1h\"\n");
    let two =
        good("policy.warmup = \"60m\"\n[[model]]\nowner = \"me\"\npolicy.min_rows = 600\nname = \"a\"\n");
    let id = one.config_id(&one.models[0]);
    assert_eq!(id, two.config_id(&two.models[0]));
    assert!(id.len() == 36 && id[4..].bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    for (changed, what) in [
        (
            good(
                "[[model]]\nname = \"a\"\nowner = \"you\"\n[model.policy]\nmin_rows = 600\nwarmup = \"1h\"\n",
            ),
            "model",
        ),
        (
            good(
                "[[model]]\nname = \"a\"\nowner = \"me\"\n[model.policy]\nmin_rows = 601\nwarmup = \"1h\"\n",
            ),
            "policy",
        ),
        (
            good(
                "window.slide = \"2h\"\n[[model]]\nname = \"a\"\nowner = \"me\"\n[model.policy]\nmin_rows = 600\nwarmup = \"1h\"\n",
            ),
            "window",
        ),
    ] {
        assert_ne!(changed.config_id(&changed.models[0]), id, "{what}");
    }
}
