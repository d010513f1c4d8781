//! Faults of the input and of what stands around it, each on a real broker: what is said, and that
//! every record is in exactly one of windows, open panes, late, unrouted and dead letters.

use crate::deployment::{Deployment, driftline, text};
use crate::support::{
    Driftline, Record, Topics, brokers, consume_all, free_port, registry, unique, wait_until,
};
use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Long enough for anything waited for here, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);
/// Second of the epoch at which good rows begin; a window begins there.
pub const START: i64 = 1_700_000_000;

/// Windows of 100 s, judged from ten rows on, committed often; models, version `1`, by name.
pub fn settings(input: &str, models: &[&str]) -> String {
    let models: String = models.iter().map(|name| format!("[[model]]\nname = '{name}'\n")).collect();
    format!(
        "[input]\ntopics = ['@INPUT@']\nstart = 'earliest'\n{input}\n\
         [window]\nsize = '100s'\nslide = '100s'\nlook = '10s'\nallowed_lateness = '0s'\nidle_timeout = '1h'\n\
         [commit]\ninterval = '100ms'\n\
         [policy]\nmin_rows = 10\nwarmup = '0s'\nevent_cooldown = '0s'\n{models}"
    )
}

/// Puts a reference of 1000 rows in force: `amount` from 0 to 999, `country` one of two.
pub fn publish_reference(deployment: &Deployment, model: &str) {
    let rows: String = (0..1000).map(|n| format!("{n},{}\n", ["de", "fr"][n % 2])).collect();
    let table = deployment.dir.path().join("reference.csv");
    std::fs::write(&table, format!("amount,country\n{rows}")).expect("the table is written");
    deployment.publish(&table, &[], model, "1");
}

/// A good row `second` seconds after [`START`].
fn row(second: i64) -> Value {
    let country = ["de", "fr"][(second % 2) as usize];
    json!({"id": second.to_string(), "model": "m", "version": "1", "time": START + second,
        "features": {"amount": (second * 7) % 1000, "country": country}})
}

/// [`row`] with a member of its features, or of itself, set to another value.
fn odd(second: i64, at: &str, value: Value) -> Vec<u8> {
    let mut row = row(second);
    let parent = if row.get(at).is_some() { &mut row } else { &mut row["features"] };
    parent[at] = value;
    row.to_string().into_bytes()
}

/// A row with `literal` written as the value of `amount`, whether JSON allows it or not.
fn literal(second: i64, literal: &str) -> Vec<u8> {
    String::from_utf8(odd(second, "amount", json!("@"))).expect("JSON").replace("\"@\"", literal).into_bytes()
}

/// A record to be sent.
#[derive(Default, Clone)]
pub struct Sent {
    pub partition: i32,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub headers: Vec<(&'static str, Vec<u8>)>,
}

impl From<Vec<u8>> for Sent {
    fn from(payload: Vec<u8>) -> Sent {
        Sent { payload: Some(payload), ..Sent::default() }
    }
}

/// Sends records in order, uncompressed, up to what the broker takes.
pub fn send(topic: &str, records: &[Sent]) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers())
        .set("enable.idempotence", "true")
        .set("message.max.bytes", "2000000")
        .create()
        .expect("a producer");
    let before = crate::support::end_offsets(topic).iter().sum::<i64>();
    for Sent { partition, key, payload, headers } in records {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(*partition);
        (record.key, record.payload) = (key.as_deref(), payload.as_deref());
        if !headers.is_empty() {
            let add = |all: OwnedHeaders, (key, value): &(&str, Vec<u8>)| {
                all.insert(Header { key, value: Some(value) })
            };
            record.headers = Some(headers.iter().fold(OwnedHeaders::new(), add));
        }
        while let Err((error, back)) = producer.send(record) {
            let is_full = error.rdkafka_error_code() == Some(rdkafka::types::RDKafkaErrorCode::QueueFull);
            assert!(is_full, "{error}");
            producer.poll(Duration::from_millis(10));
            record = back;
        }
    }
    producer.flush(PATIENCE).expect("all records are delivered in time");
    let after = crate::support::end_offsets(topic).iter().sum::<i64>();
    assert_eq!(after - before, records.len() as i64, "the broker took every record");
}

/// Sum over the series of a metric, and how many series there are.
fn metric(instance: &Driftline, name: &str) -> (f64, usize) {
    let (_, text) = instance.get("/metrics").expect("metrics are served");
    let values = text.lines().filter(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
    });
    let values: Vec<f64> =
        values.map(|line| line.rsplit(' ').next().and_then(|v| v.parse().ok()).expect("a value")).collect();
    (values.iter().sum(), values.len())
}

/// Rows and late rows over all reports.
pub fn counted(reports: &[Value]) -> (u64, u64) {
    let sum = |field: &str| reports.iter().map(|r| r["window"][field].as_u64().expect("a count")).sum();
    (sum("events"), sum("late"))
}

/// A dead letter is the record whole, with where it came from and why.
#[track_caller]
fn assert_letter(letter: &Record, original: &Record, topic: &str, class: &str) {
    let header = |name: &str| letter.header(&format!("__driftline.errors.{name}"));
    assert_eq!(header("class"), Some(class), "{:?}", header("message"));
    assert_eq!(header("topic"), Some(topic));
    assert_eq!(header("partition"), Some(&*original.partition.to_string()));
    assert_eq!(header("offset"), Some(&*original.offset.to_string()));
    assert_eq!(header("timestamp"), Some(&*original.timestamp.to_string()));
    assert_eq!(letter.timestamp, original.timestamp);
    assert!(header("message").is_some_and(|message| !message.is_empty() && message.len() < 300));
    assert!(letter.key == original.key, "the key is whole");
    if header("size").is_none() {
        assert!(letter.payload == original.payload, "the payload of {class} is whole");
        for (name, value) in &original.headers {
            assert!(letter.headers.contains(&(name.clone(), value.clone())), "its header {name} is kept");
        }
    }
}

/// Each dead letter by the offset of its record; no record has two.
fn letters(deployment: &Deployment) -> BTreeMap<(i32, i64), Record> {
    let mut by_offset = BTreeMap::new();
    for letter in consume_all(&deployment.topic("dead")) {
        let number = |name: &str| -> i64 {
            let header = letter.header(&format!("__driftline.errors.{name}"));
            header.and_then(|text| text.parse().ok()).expect("a number")
        };
        let of = (number("partition") as i32, number("offset"));
        assert!(by_offset.insert(of, letter).is_none(), "{of:?} came twice");
    }
    by_offset
}

#[test]
fn every_kind_of_bad_record_is_in_the_dead_letters_once_and_the_good_rows_are_all_counted() {
    let deployment = Deployment::new(1, &settings("", &["m"]));
    publish_reference(&deployment, "m");
    let deep = |depth: usize| -> String { "[".repeat(depth) + &"]".repeat(depth) };
    let long = "x".repeat(900_000);

    let without = |member: &str| {
        let mut row = row(150);
        row.as_object_mut().expect("an object").remove(member);
        row.to_string().into_bytes()
    };
    // The largest record that the broker takes: its dead letter, with more headers, is too large.
    let largest = {
        let mut bytes = b"{\"not\": \"whole\", ".to_vec();
        bytes.resize(1_048_400, b'x');
        bytes
    };
    let bad: Vec<(Vec<u8>, &str)> = vec![
        (b"not json".to_vec(), "undecodable"),
        (row(150).to_string().into_bytes()[..40].to_vec(), "undecodable"),
        (b"{\"model\": \"\xff\xfe\"}".to_vec(), "undecodable"),
        (b"42".to_vec(), "undecodable"),
        (literal(150, "NaN"), "undecodable"),
        (literal(150, &"[".repeat(300_000)), "undecodable"),
        (without("model"), "no_model"),
        (odd(150, "model", json!("")), "no_model"),
        (without("time"), "no_time"),
        (odd(150, "time", json!("yesterday")), "no_time"),
        (odd(150, "time", json!(1e30)), "no_time"),
        (without("features"), "no_features"),
        (odd(150, "time", json!("9999-12-31T23:59:59Z")), "future_time"),
        (odd(150, "version", json!(long)), "long_name"),
        (odd(150, "model", json!(long)), "long_name"),
        (Vec::new(), "empty"),
        (largest.clone(), "undecodable"),
    ];
    // Odd, and good: counted in the window of its time.
    let counted_all_the_same = [
        literal(150, "1e400"),
        literal(150, "-1e400"),
        literal(150, &deep(100_000)),
        odd(150, "amount", json!(long)),
        odd(150, "country", json!(long)),
        odd(150, "country", json!(format!("{long}y"))),
        format!("{{\"junk\": {}, {}", deep(100_000), &row(150).to_string()[1..]).into_bytes(),
        odd(150, &long, json!(1)),
    ];
    let invalid = 4;

    let unknown_models = 10_000;
    let mut records: Vec<Sent> = vec![odd(0, "time", json!("0001-01-01T00:00:00Z")).into()];
    let mut expected = BTreeMap::new();
    for second in 0..300 {
        records.push(row(second).to_string().into_bytes().into());
        if second != 150 {
            continue;
        }
        for (payload, class) in &bad {
            expected.insert((0, records.len() as i64), *class);
            let (key, headers) = (Some(b"a key".to_vec()), vec![("trace", b"abc".to_vec())]);
            records.push(Sent { key, headers, payload: Some(payload.clone()), partition: 0 });
        }
        expected.insert((0, records.len() as i64), "empty");
        records.push(Sent { key: Some(b"gone".to_vec()), ..Sent::default() });
        records.extend(counted_all_the_same.iter().cloned().map(Sent::from));
        records.push(odd(150, "time", json!("0001-01-01T00:00:00Z")).into());
        records.push(odd(150, "time", json!(START - 100_000)).into());
        for n in 0..unknown_models {
            records.push(odd(150, "model", json!(format!("other-{n}"))).into());
        }
    }
    let late = 2;
    records.push(row(1000).to_string().into_bytes().into());
    send(&deployment.input, &records);

    let mut instance = deployment.start("one");
    // The row of the year 1 has a window of its own.
    let reports = deployment.wait_for_reports(4);
    let unrouted = || metric(&instance, "driftline_unrouted_rows");
    wait_until(PATIENCE, "unrouted rows are shown", || unrouted().0 == f64::from(unknown_models));
    assert_eq!(unrouted().1, 1, "a series a partition, whatever the number of models");

    let (events, told_late) = counted(&reports);
    assert_eq!((reports.len(), told_late), (4, late));
    assert_eq!(events, 1 + 300 + counted_all_the_same.len() as u64);
    let open = 1;
    let published = events + late + open + unknown_models as u64 + expected.len() as u64;
    assert_eq!(published, records.len() as u64, "every record is in one place");

    let odd_window = reports.iter().find(|r| r["window"]["start"] == "2023-11-14T22:15:00.000Z");
    let odd_window = odd_window.expect("the window of the odd rows");
    let feature = |name: &str| {
        let features = odd_window["features"].as_array().expect("features");
        features.iter().find(|feature| feature["feature"] == name).expect("the feature").clone()
    };
    let (amount, country) = (feature("amount"), feature("country"));
    let rows = 100 + counted_all_the_same.len() as u64;
    assert_eq!([&amount["rows"], &amount["invalid"]], [&json!(rows - invalid), &json!(invalid)]);
    assert_eq!([&country["rows"], &country["invalid"]], [&json!(rows), &json!(0)]);
    assert!(odd_window.to_string().len() < 20_000, "long values are cut in reports");

    let originals = consume_all(&deployment.input);
    let found = letters(&deployment);
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (at, class) in &expected {
        assert_letter(&found[at], &originals[at.1 as usize], &deployment.input, class);
    }
    let cut: Vec<&Record> =
        found.values().filter(|letter| letter.header("__driftline.errors.size").is_some()).collect();
    assert_eq!(cut.len(), 1, "one is too large to be kept whole");
    let header = |name: &str| cut[0].header(&format!("__driftline.errors.{name}"));
    let hash: String = Sha256::digest(&largest).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((header("size"), header("sha256")), (Some("1048400"), Some(&*hash)));
    assert!(cut[0].payload.as_ref().is_some_and(|start| largest.starts_with(start) && start.len() > 1000));
    assert_eq!(metric(&instance, "driftline_dead_letters_total").0, expected.len() as f64);
    let (_, metrics) = instance.get("/metrics").expect("metrics are served");
    assert!(metrics.lines().count() < 500, "{} lines of metrics", metrics.lines().count());
    let log = instance.log();
    assert!(log.lines().count() < 1500 && log.len() < 1 << 20, "{} bytes of log", log.len());
    assert!(!log.contains("xxxxxxxx"), "no payload is quoted");

    // What is known of a partition stands beside its committed offset.
    assert!(instance.stop().success());
    let again = deployment.start("two");
    let unrouted = || metric(&again, "driftline_unrouted_rows").0;
    wait_until(PATIENCE, "unrouted rows are still shown", || unrouted() == f64::from(unknown_models));
    assert_eq!(letters(&deployment).len(), expected.len());
    assert_eq!(deployment.output("reports").len(), 4);
}

#[test]
fn avro_that_cannot_be_read_is_in_the_dead_letters_and_the_good_rows_are_counted() {
    let registry = registry();
    let input = format!("format = 'avro'\n[schema_registry]\nurl = '{registry}'");
    let deployment = Deployment::new(1, &settings(&input, &["m"]));
    publish_reference(&deployment, "m");
    let id = register(&registry, &format!("{}-value", deployment.input), &event_schema(&unique("Event")));
    let good = |second: i64| framed(id, &avro_row(second));
    let mut unknown = good(50);
    unknown[1..5].copy_from_slice(&0x7FFF_FFF0_u32.to_be_bytes());
    let bad = [
        (good(50)[..12].to_vec(), "undecodable"),
        (good(50)[..5].to_vec(), "undecodable"),
        ([good(50), vec![0; 3]].concat(), "undecodable"),
        (unknown.clone(), "unknown_schema"),
        (unknown, "unknown_schema"),
        (row(50).to_string().into_bytes(), "undecodable"),
        ([&[0xC3, 0x01][..], &[7; 8], &avro_row(50)].concat(), "unknown_schema"),
    ];
    let mut records: Vec<Sent> = Vec::new();
    let mut expected = BTreeMap::new();
    for second in 0..100 {
        records.push(good(second).into());
        if second == 50 {
            for (payload, class) in &bad {
                expected.insert((0, records.len() as i64), *class);
                records.push(payload.clone().into());
            }
        }
    }
    records.push(good(500).into());
    send(&deployment.input, &records);
    let _instance = deployment.start("one");
    let reports = deployment.wait_for_reports(1);
    assert_eq!((reports.len(), counted(&reports)), (1, (100, 0)));
    let (found, originals) = (letters(&deployment), consume_all(&deployment.input));
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (at, class) in &expected {
        assert_letter(&found[at], &originals[at.1 as usize], &deployment.input, class);
    }
}

#[test]
fn a_registry_that_is_down_holds_records_back_and_loses_none() {
    let stand_in = StandIn::before(&registry());
    let input = format!("format = 'avro'\n[schema_registry]\nurl = '{}'", stand_in.address);
    let deployment = Deployment::new(2, &settings(&input, &["m"]));
    publish_reference(&deployment, "m");
    let subject = format!("{}-value", deployment.input);
    let (name, later) = (unique("Event"), unique("Event"));
    let first = register(&registry(), &subject, &event_schema(&name));
    let second = register(&registry(), &format!("{subject}-2"), &event_schema(&later));
    let rows = |id: u32, seconds: std::ops::Range<i64>| -> Vec<Sent> {
        let row = |n: i64| Sent { partition: (n % 2) as i32, ..Sent::from(framed(id, &avro_row(n))) };
        seconds.map(row).collect()
    };

    stand_in.set_down(true);
    send(&deployment.input, &rows(first, 0..100));
    let mut instance = Driftline::spawn(&deployment.config("one", ""), &[]);
    wait_until(PATIENCE, "it says that the registry is down", || {
        instance.log().contains("the schema registry cannot answer now")
    });
    assert_eq!(instance.get("/healthz").map(|answer| answer.0), Some(200), "alive without a registry");
    assert_eq!(instance.get("/readyz").map(|answer| answer.0), Some(503), "and not ready");
    stand_in.set_down(false);
    instance.wait_ready();
    send(&deployment.input, &rows(first, 200..202));
    assert_eq!(counted(&deployment.wait_for_reports(1)), (100, 0));

    // A schema that was never asked for, on both partitions at once.
    stand_in.set_down(true);
    send(&deployment.input, &rows(second, 202..300));
    let unavailable = || metric(&instance, "driftline_registry_unavailable_total").0;
    wait_until(PATIENCE, "both partitions wait", || unavailable() >= 4.0);
    assert!(instance.log().contains("schema registry unavailable, the partition waits"));
    assert_eq!(deployment.output("dead").len(), 0);
    stand_in.set_down(false);
    send(&deployment.input, &rows(first, 500..502));
    assert_eq!(counted(&deployment.wait_for_reports(2)), (200, 0), "all that waited is counted");
    assert!(instance.stop().success());
    assert_eq!(deployment.output("dead").len(), 0);
}

#[test]
fn a_wrong_key_ends_it_with_line_column_and_the_nearest_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("driftline.toml");
    std::fs::write(&config, "[kafka]\nbroker = 'localhost:9092'\n[window]\nsize = 'a day'\n")
        .expect("written");
    let output = driftline(&["run", "--config", text(&config)]);
    let said = String::from_utf8_lossy(&output.stderr).replace(text(dir.path()), "[dir]");
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in [
        "unknown key `kafka.broker`",
        "[dir]/driftline.toml:2:1",
        "did you mean `brokers`?",
        "[dir]/driftline.toml:4:8",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}

#[test]
fn missing_topics_of_its_own_end_it_with_all_their_names_and_the_way_out() {
    let (dir, id) = (tempfile::tempdir().expect("a folder"), unique("app"));
    let topics = Topics::new();
    let references = topics.create("references", 1);
    let config = dir.path().join("driftline.toml");
    let toml = |deltas: &str| {
        format!(
            "[kafka]\nbrokers = '{}'\napplication_id = '{id}'\n\
             [topics]\nreferences = '{references}'\ndeltas = '{deltas}'\npanes = '{deltas}-panes'\ncontrol = '{deltas}-control'\npartitions = 3\n\
             [output]\nevents = '{references}.e'\ntriggers = '{references}.t'\nreports = '{references}.r'\ndead_letters = '{references}.d'\n\
             [http]\nlisten = '127.0.0.1:{}'\n[[model]]\nname = 'm'\n",
            brokers(),
            free_port()
        )
    };
    let run = |toml: &str| {
        std::fs::write(&config, toml).expect("written");
        let output = driftline(&["run", "--config", text(&config)]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = run(&toml(&format!("{id}.deltas")));
    assert_eq!(code, Some(3), "{said}");
    for part in [
        &*format!("{id}.deltas, {id}.deltas-panes, {id}.deltas-control"),
        &format!("{references}.d"),
        "`driftline topics create",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    assert!(!said.contains(&format!("{references},")), "one that is there is not named: {said}");

    // There, and with another number of partitions.
    let wrong = topics.create("deltas", 2);
    for name in [
        format!("{wrong}-panes"),
        format!("{wrong}-control"),
        format!("{references}.e"),
        format!("{references}.t"),
        format!("{references}.r"),
        format!("{references}.d"),
    ] {
        topics.create_as(&name, 1, &[]);
    }
    let (code, said) = run(&toml(&wrong));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the topic has 2 partitions, and the configuration says 3"), "{said}");
    assert!(said.contains(&wrong) && said.contains("`topics.partitions`"), "{said}");
}

#[test]
fn a_missing_input_topic_is_told_and_read_once_it_is_there() {
    let deployment = Deployment::new(1, &settings("", &["m"]).replace("@INPUT@", "@INPUT@-later"));
    publish_reference(&deployment, "m");
    let input = format!("{}-later", deployment.input);
    // The deployment made all its topics; this one goes.
    let topics = Topics::new();
    delete_topic(&input);
    let mut instance = Driftline::spawn(&deployment.config("one", ""), &[]);
    wait_until(PATIENCE, "it says that the topic is missing", || {
        let log = instance.log();
        log.contains("the input topic does not exist") && log.contains(&input)
    });
    assert_eq!(instance.get("/healthz").map(|answer| answer.0), Some(200));
    assert!(instance.exited().is_none());
    topics.create_as(&input, 1, &[]);
    let seconds = (0..100).chain([500]);
    let records: Vec<Sent> = seconds.map(|n| row(n).to_string().into_bytes().into()).collect();
    send(&input, &records);
    assert_eq!(counted(&deployment.wait_for_reports(1)), (100, 0));
    assert!(instance.stop().success());
}

#[test]
fn without_a_broker_it_says_so_lives_on_and_stops_when_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("driftline.toml");
    let (nobody, port) = (free_port(), free_port());
    let toml = format!(
        "[kafka]\nbrokers = '127.0.0.1:{nobody}'\n[http]\nlisten = '127.0.0.1:{port}'\n[[model]]\nname = 'm'\n"
    );
    std::fs::write(&config, toml).expect("written");
    let mut instance = Driftline::spawn(&config, &[]);
    wait_until(PATIENCE, "it says that no broker answers", || {
        let log = instance.log();
        log.contains("no Kafka broker answers")
            && log.contains(&format!("127.0.0.1:{nobody}"))
            && log.contains("`kafka.brokers`")
    });
    assert_eq!(instance.get("/healthz").map(|answer| answer.0), Some(200));
    assert_eq!(instance.get("/readyz").map(|answer| answer.0), Some(503));
    assert!(instance.stop().success(), "{}", instance.log());
    let failed = driftline(&["topics", "create", "--config", text(&config)]);
    assert_eq!(failed.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("`kafka.brokers`"));
}

fn delete_topic(name: &str) {
    use rdkafka::admin::{AdminClient, AdminOptions};
    let admin: AdminClient<_> =
        ClientConfig::new().set("bootstrap.servers", brokers()).create().expect("an admin client");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let deleted = runtime.block_on(admin.delete_topics(&[name], &AdminOptions::new()));
    deleted.expect("the broker answers").into_iter().for_each(|one| _ = one.expect("it is deleted"));
}

/// The schema of [`avro_row`], under a name of its own.
pub fn event_schema(name: &str) -> String {
    let features = r#"{"type":"record","name":"Features","fields":[{"name":"amount","type":"double"},{"name":"country","type":"string"}]}"#;
    json!({"type": "record", "name": name.replace('-', "_"), "fields": [
        {"name": "model", "type": "string"}, {"name": "version", "type": "string"},
        {"name": "time", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "features", "type": serde_json::from_str::<Value>(features).expect("JSON")},
    ]})
    .to_string()
}

/// What [`row`] says, as the bytes of [`event_schema`].
pub fn avro_row(second: i64) -> Vec<u8> {
    let row = row(second);
    let mut bytes = Vec::new();
    let text = |bytes: &mut Vec<u8>, text: &str| {
        long(bytes, text.len() as i64);
        bytes.extend(text.as_bytes());
    };
    text(&mut bytes, "m");
    text(&mut bytes, "1");
    long(&mut bytes, (START + second) * 1000);
    bytes.extend(row["features"]["amount"].as_f64().expect("a number").to_le_bytes());
    text(&mut bytes, row["features"]["country"].as_str().expect("a text"));
    bytes
}

/// Avro's long: zigzag, seven bits a byte.
pub fn long(bytes: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// Avro behind the id of its schema.
pub fn framed(id: u32, datum: &[u8]) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), datum].concat()
}

/// Registers a schema; its id.
pub fn register(registry: &str, subject: &str, schema: &str) -> u32 {
    let body = json!({"schema": schema}).to_string();
    let answer = agent()
        .post(format!("{registry}/subjects/{subject}/versions"))
        .header("Content-Type", "application/vnd.schemaregistry.v1+json")
        .send(body);
    let text = answer.expect("the registry answers").body_mut().read_to_string().expect("with a text");
    let answer: Value = serde_json::from_str(&text).expect("that is JSON");
    answer["id"].as_u64().unwrap_or_else(|| panic!("no id: {answer}")) as u32
}

pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().proxy(None).http_status_as_error(false).build().new_agent()
}

/// A registry that can be down: it answers 500 then, and hands everything on otherwise.
struct StandIn {
    address: String,
    down: Arc<AtomicBool>,
}

impl StandIn {
    fn before(registry: &str) -> StandIn {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let (registry, down) = (registry.to_owned(), Arc::new(AtomicBool::new(false)));
        let is_down = down.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                // A connection is served once: a test asks little.
                answer(stream, (!is_down.load(Ordering::SeqCst)).then_some(&*registry));
            }
        });
        StandIn { address, down }
    }

    fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }
}

/// Reads a request and answers it, from `registry` or with a 500. A client that went away is none.
fn answer(stream: TcpStream, registry: Option<&str>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let (method, path) = (line.split(' ').next()?.to_owned(), line.split(' ').nth(1)?.to_owned());
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let (name, value) = header.trim().split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
        if header.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (status, text) = match registry {
        None => (500, json!({"error_code": 50001, "message": "out of order"}).to_string()),
        Some(registry) => {
            let url = format!("{registry}{path}");
            let response = match &*method {
                "POST" => agent()
                    .post(url)
                    .header("Content-Type", "application/vnd.schemaregistry.v1+json")
                    .send(&body[..]),
                _ => agent().get(url).call(),
            };
            let mut response = response.ok()?;
            (response.status().as_u16(), response.body_mut().read_to_string().ok()?)
        }
    };
    let mut stream = stream;
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(format!("{head}{text}").as_bytes()).ok()
}
