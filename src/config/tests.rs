//! What a user may rely on: defaults, precedence, and what is said of each kind of mistake.

use super::tree::Node;
use super::*;
use crate::words::{Kind, Severity, Time};
use insta::assert_snapshot;

const HOUR: i64 = 3_600_000;

fn env(name: &str) -> Option<String> {
    match name {
        "BROKERS" => Some("kafka-1:9092,kafka-2:9092".into()),
        "ROWS" => Some("750".into()),
        "QUOTES" => Some("a\" \napplication_id = \"b".into()),
        "INJECTION" => Some("a\"  application_id = \"b\" [x] #".into()),
        _ => None,
    }
}

fn read(text: &str) -> Result<Config, ConfigErrors> {
    Config::read(text, "driftline.toml", &env)
}

fn good(text: &str) -> Config {
    read(text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn mistakes(text: &str) -> String {
    read(text).expect_err("this should be refused").to_string()
}

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
raise = { k = 1, n = 1, min_spread = "0%" }
clear = { k = 3, n = 3, factor = 0.8 }
event_cooldown = "6h"
stale_after = "24h"
version_retire_after = "24h"
min_traffic_share = 0.05
[policy.early]
enabled = false
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
ttl = "72h"
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
const BESIDE_THE_CONTRACT: [&str; 16] = [
    "schema_registry.url",
    "schema_registry.basic_auth",
    "schema_registry.basic_auth_file",
    "input.allow",
    "input.fields.id",
    "input.fields.model",
    "input.fields.version",
    "input.fields.time",
    "input.fields.features",
    "input.fields.prediction",
    "topics.references",
    "topics.deltas",
    "topics.panes",
    "topics.partitions",
    "http.allow_anonymous",
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
    assert_eq!(config.window.grid.look_ms(), 10_000);
    assert_eq!(config.input.max_ahead_ms, 2 * HOUR);
    assert_eq!(config.commit.max_delta_rate_bytes, 8 << 20);
    assert_eq!(config.policy.budget, Budget { false_events: 1.0, per_ms: 30 * 24 * HOUR });
    assert_eq!(config.policy.thresholds.ks, Levels { warning: 0.08, drift: 0.125, critical: 0.2 });
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
fn the_example_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("driftline.toml");
    let config = Config::load(&path).unwrap_or_else(|errors| panic!("{errors}"));
    let fraud = config.model("fraud").unwrap();
    assert_eq!((config.policy.mode, fraud.policy.mode), (Mode::Alert, Mode::Trigger));
    assert_eq!(fraud.feature("amount").importance, 2.0);
}

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
      help: known here: on, block_on, share, share_min_features, settle, min_rows_since_onset, lookback, cooldown, daily_budget, ttl
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
topics = ["c"]
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
      help: an incident must take at least as many windows to clear as to raise, or the budget does not hold
    `thresholds.psi.warning` (0.2) is above `thresholds.psi.drift` (0.1)
      --> driftline.toml:13:30
      help: thresholds ascend: warning, drift, critical
    `model.segments` (item 1) must be a JSON Pointer, not "country"
      --> driftline.toml:16:13
      help: it starts with a slash: "/country"
    `model.features.amount.importance` must be a number of 0 or more, not a text
      --> driftline.toml:19:14
    `thresholds.ks.critical` must be a number above 0, at most 1, not 2
      --> driftline.toml:20:26
    two models are called "fraud"
      --> driftline.toml:22:8
      help: the first is at driftline.toml:15:8
    `model.name` is missing
      --> driftline.toml:23:1
    "#);
}

#[test]
fn what_is_not_built_is_refused_with_the_reason() {
    let text = r#"
[window]
grow_to = "72h"
season = "week"
[input]
preset = "kserve"
unknown_features = "monitor"
[policy.early]
enabled = "auto"
[policy.retrain]
on = ["performance"]
max_attempts = 3
[policy.mute]
max = "30d"
[bootstrap]
min_rows = 10000
[metrics]
features = "incident"
[[model]]
name = "fraud"
on_missing_reference = "bootstrap"
[model.policy]
thresholds.wasserstein = { drift = 0.1 }
[model.features.amount]
sensitive = true
"#;
    assert_snapshot!(mistakes(text), @r#""#);
}

#[test]
fn a_setting_that_is_not_built_may_say_so() {
    let text = "window.grow_to = \"\"\npolicy.early.enabled = false\nprivacy.categories = \"plain\"\n";
    assert_eq!(good(text), Config::default());
}

#[test]
fn variables_stand_for_texts_and_numbers() {
    let config =
        good("kafka.brokers = \"${BROKERS}\"\npolicy.min_rows = \"${ROWS}\"\nkafka.instance = \"${NONE:-}\"");
    assert_eq!(config.kafka.brokers, "kafka-1:9092,kafka-2:9092");
    assert_eq!((config.policy.min_rows, config.kafka.instance), (750, None));
    assert_snapshot!(mistakes("policy.min_rows = \"750\"\n[kafka]\nbrokers = \"x,${NONE}\"\ninstance = ${ROWS}"), @r"");
    assert_snapshot!(mistakes("policy.min_rows = \"750\"\n[kafka]\nbrokers = \"x,${NONE}\"\n"), @r"");
}

#[test]
fn a_variable_cannot_become_toml() {
    let config = good("[kafka]\nbrokers = \"${INJECTION}\"");
    assert_eq!(config.kafka.brokers, env("INJECTION").unwrap());
    assert_eq!(config.kafka.application_id, "driftline");
    assert_snapshot!(mistakes("[kafka]\nbrokers = \"${QUOTES}\""), @r"");
}

#[test]
fn secrets_come_from_files_and_do_not_show() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("password"), "hunter2\n").unwrap();
    std::fs::write(directory.path().join("auth"), " me:hunter3 \n").unwrap();
    let text = r#"
[kafka.properties]
"sasl.password_file" = "password"
ssl.key.password = "hunter4"
"fetch.min.bytes" = 1000
[schema_registry]
url = "http://registry:8081/"
basic_auth_file = "auth"
"#;
    let config = Config::from_toml(text, directory.path().join("a.toml").to_str().unwrap()).unwrap();
    let properties: Vec<_> = config.kafka.properties.iter().collect();
    assert_eq!(
        properties,
        [("fetch.min.bytes", "1000"), ("sasl.password", "hunter2"), ("ssl.key.password", "hunter4")]
    );
    let registry = config.schema_registry.as_ref().unwrap();
    assert_eq!(registry.basic_auth.as_ref().unwrap().reveal(), "me:hunter3");
    assert!(!format!("{config:?}").contains("hunter"));
    assert_snapshot!(
        format!("{:?} {registry:?}", config.kafka.properties),
        @r#"{"fetch.min.bytes": "1000", "sasl.password": "***", "ssl.key.password": "***"} SchemaRegistryConfig { url: "http://registry:8081", basic_auth: Some(***) }"#
    );
}

#[test]
fn secrets_do_not_show_in_mistakes() {
    let text = r#"
[kafka.properties]
"sasl.password_file" = "nowhere/password"
[schema_registry]
url = "http://me:hunter2@registry:8081"
basic_auth = "hunter2"
"#;
    let shown = mistakes(text);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_snapshot!(shown, @r"");
}

#[test]
fn settings_that_exactly_once_rests_on_are_refused() {
    let text = r#"
[kafka.properties]
"enable.auto.commit" = true
acks = 1
"group.id" = "mine"
isolation.level = "read_uncommitted"
transactional.id_file = "x"
"linger.ms" = 5
"#;
    assert_snapshot!(mistakes(text), @r"");
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
    assert_eq!(b.policy.thresholds.psi, Levels { warning: 0.04, drift: 0.11, critical: 0.25 });
    assert_eq!(a.feature("y").thresholds.psi, Levels { warning: 0.04, drift: 0.11, critical: 0.3 });
    assert_eq!(a.feature("x").thresholds.psi, Levels { warning: 0.05, drift: 0.11, critical: 0.3 });
    assert_eq!((a.feature("x").kind, a.feature("x").role), (Some(Kind::Categorical), None));
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
"#;
    assert_snapshot!(mistakes(text), @r"");
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
fn models_are_included_from_files_beside_in_the_order_of_their_names() {
    let directory = tempfile::tempdir().unwrap();
    let models = directory.path().join("models.d");
    std::fs::create_dir(&models).unwrap();
    std::fs::write(models.join("b.toml"), "[[model]]\nname = \"b\"\nreference = \"b.json\"\n").unwrap();
    std::fs::write(models.join("a.toml"), "[[model]]\nname = \"a\"\n").unwrap();
    std::fs::write(models.join(".hidden.toml"), "no TOML").unwrap();
    std::fs::write(models.join("note.txt"), "no TOML").unwrap();
    let path = directory.path().join("driftline.toml");
    std::fs::write(&path, "include = [\"models.d/*.toml\"]\n[[model]]\nname = \"z\"\n").unwrap();
    let config = Config::load(&path).unwrap();
    let names: Vec<&str> = config.models.iter().map(|model| &*model.name).collect();
    assert_eq!(names, ["z", "a", "b"]);
    let ReferenceSource::File { written, path: reference } = &config.models[2].reference else { panic!() };
    assert_eq!((written.as_str(), reference), ("b.json", &models.join("b.json")));

    std::fs::write(models.join("b.toml"), "[policy]\n[[model]]\nname = \"z\"\n").unwrap();
    let shown = Config::load(&path).unwrap_err().to_string();
    assert_snapshot!(shown.replace(directory.path().to_str().unwrap(), "DIR"), @r"");
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_told() {
    assert!(Config::load(Path::new("nowhere.toml")).unwrap_err().to_string().contains("nowhere.toml"));
    assert_snapshot!(mistakes("[window]\nsize = \"24h\nslide = 1"), @r"");
    assert_snapshot!(mistakes("include = [\"nowhere/*.toml\"]\n[model]\nname = \"a\"\n"), @r"");
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
