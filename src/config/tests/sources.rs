//! What comes from elsewhere: the environment, secrets in files, included files.

use super::*;
use crate::policy::ReferenceSource;
use insta::assert_snapshot;
use std::path::Path;

#[test]
fn variables_stand_for_texts_and_numbers() {
    let config =
        good("kafka.brokers = \"${BROKERS}\"\npolicy.min_rows = \"${ROWS}\"\nkafka.instance = \"${NONE:-}\"");
    assert_eq!(config.kafka.brokers, "kafka-1:9092,kafka-2:9092");
    assert_eq!((config.policy.min_rows, config.kafka.instance), (750, None));
    assert_snapshot!(mistakes("policy.min_rows = ${ROWS}"), @r"
    not TOML: unexpected key or value, expected newline, `#`
      --> driftline.toml:1:20
      help: put quotes around `${…}`
    ");
    assert_snapshot!(mistakes("policy.min_rows = \"750\"\n[kafka]\nbrokers = \"x,${NONE}\"\n"), @r"
    `policy.min_rows` must be a whole number, not a text
      --> driftline.toml:1:19
    the environment variable `NONE` is not set
      --> driftline.toml:3:14
      help: set it, or give a default: `${NONE:-default}`
    ");
}

#[test]
fn a_variable_cannot_become_toml() {
    let config = good("[kafka]\nbrokers = \"${INJECTION}\"");
    assert_eq!(config.kafka.brokers, env("INJECTION").unwrap());
    assert_eq!(config.kafka.application_id, "driftline");
    assert_snapshot!(mistakes("[kafka]\nbrokers = \"${QUOTES}\""), @r"
    the environment variable `QUOTES` holds a line break or control character
      --> driftline.toml:2:12
      help: put a value of several lines in a file
    ");
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
fn a_token_lets_the_page_be_reached_from_elsewhere_unless_it_can_be_guessed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.toml");
    let with = |token: &str| {
        std::fs::write(directory.path().join("token"), token).unwrap();
        let text = "http.listen = \"0.0.0.0:9600\"\nhttp.token_file = \"token\"\n";
        Config::from_toml(text, path.to_str().unwrap())
    };
    let config = with("0123456789abcdef\n").unwrap();
    assert_eq!(config.http.token.as_ref().unwrap().reveal(), "0123456789abcdef");
    assert!(!format!("{config:?}").contains("0123456789"));
    let refused = with("short").unwrap_err().to_string();
    assert!(refused.contains("holds 5 characters") && !refused.contains("short"), "{refused}");
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
    assert_snapshot!(shown, @r#"
    `kafka.properties.sasl.password_file` names a file that can't be read: nowhere/password: No such file or directory (os error 2)
      --> driftline.toml:3:24
    `schema_registry.url` must not hold credentials
      --> driftline.toml:5:7
      help: put them into `schema_registry.basic_auth_file`
    the registry's credentials must be "user:password"
      --> driftline.toml:6:14
    "#);
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
    assert_snapshot!(mistakes(text), @r"
    `kafka.properties.enable.auto.commit` can't be set: offsets are committed in the transaction of what they led to
      --> driftline.toml:3:1
      help: leave it out
    `kafka.properties.acks` can't be set: transactions need it as it is
      --> driftline.toml:4:1
      help: leave it out
    `kafka.properties.group.id` can't be set: it follows from `kafka.application_id`
      --> driftline.toml:5:1
      help: leave it out
    `kafka.properties.isolation.level` can't be set: only committed records may be counted
      --> driftline.toml:6:11
      help: leave it out
    `kafka.properties.transactional.id_file` can't be set: it follows from `kafka.application_id` and `kafka.instance`
      --> driftline.toml:7:15
      help: leave it out
    ");
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
    assert_snapshot!(shown.replace(directory.path().to_str().unwrap(), "DIR"), @r#"
    `policy` can't stand in an included file
      --> DIR/models.d/b.toml:1:2
      help: an included file holds [[model]] tables; the rest stands in the main file
    two models are called "z"
      --> DIR/models.d/b.toml:3:8
      help: the first is at DIR/driftline.toml:3:8
    "#);
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_told() {
    assert!(Config::load(Path::new("nowhere.toml")).unwrap_err().to_string().contains("nowhere.toml"));
    assert_snapshot!(mistakes("[window]\nsize = \"24h\nslide = 1"), @r#"
    not TOML: invalid basic string, expected `"`
      --> driftline.toml:2:12
    "#);
    assert_snapshot!(mistakes("include = [\"nowhere/*.toml\"]\n[model]\nname = \"a\"\n"), @r#"
    `include` can't find "nowhere/*.toml": No such file or directory (os error 2)
      --> driftline.toml:1:11
    models are a list of tables
      --> driftline.toml:2:1
      help: write [[model]], with two brackets
    "#);
}

#[test]
fn avro_without_a_registry_is_read_by_the_schemas_of_given_files() {
    let directory = tempfile::tempdir().unwrap();
    let event = r#"{"type":"record","name":"Event","fields":[{"name":"model","type":"string"}]}"#;
    std::fs::write(directory.path().join("event.avsc"), event).unwrap();
    std::fs::write(directory.path().join("broken.avsc"), "{\"type\":").unwrap();
    let read = |schemas: &str| {
        let text = format!("[input]\nformat = \"avro\"\nschemas = [{schemas}]\n");
        Config::from_toml(&text, directory.path().join("a.toml").to_str().unwrap())
    };
    let schemas = read("\"event.avsc\"").unwrap().writer_schemas().unwrap();
    assert_eq!(schemas.len(), 1);

    let mistakes = read("\"event.avsc\", \"broken.avsc\", \"none.avsc\"").unwrap_err().to_string();
    let mistakes = mistakes.replace(directory.path().to_str().unwrap(), "[dir]");
    let broken =
        "`input.schemas` (item 2) names a file that can't be used: [dir]/broken.avsc: not an Avro schema";
    assert!(mistakes.starts_with(broken), "{mistakes}");
    assert!(mistakes.contains("--> [dir]/a.toml:3:26"), "{mistakes}");
    assert!(mistakes.contains("(item 3) names a file that can't be read: [dir]/none.avsc"), "{mistakes}");
}
