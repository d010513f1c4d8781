//! `replay`: the detector on files.

use super::{Place, payments, weather};
use serde_json::Value as Json;
use std::collections::BTreeMap;

const SIMULATE: &str = "simulate --events 24000 --rate 5 --seed 3 -o all.jsonl --reference train.csv \
                        --reference-rows 5000 --drift amount:mean_shift:40m:0.8";
const OPTIONS: &str =
    "--model fraud --reference train.csv --window 20m --slide 10m --set window.allowed_lateness=5s";

fn of_type<'a>(lines: &'a [Json], name: &str) -> Vec<&'a Json> {
    lines.iter().filter(|line| line["type"] == name).collect()
}

fn number(summary: &Json, key: &str) -> u64 {
    summary[key].as_u64().unwrap_or_else(|| panic!("{key} in {summary}"))
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text"))
}

/// Rows 0 to 999 as the reference's, then 1000 moved ones.
fn shifted() -> Place {
    let place = Place::new();
    place.write("train.csv", &payments(2000, 0.0));
    let moved = payments(2000, 30.0);
    let all =
        payments(1000, 0.0) + &moved.lines().skip(1001).map(|line| format!("{line}\n")).collect::<String>();
    place.write("all.csv", &all);
    place
}

#[test]
fn measures_of_real_windows_are_those_of_an_independent_computation() {
    let place = Place::new();
    let (weather, answers) = (weather(), weather().replace(".csv.gz", ".values.json"));
    let golden: Json = serde_json::from_str(&std::fs::read_to_string(answers).unwrap()).unwrap();
    let start = golden["reference"]["end"].as_u64().unwrap();
    let kinds = "--kind rain=categorical --kind max_sustained_wind=continuous";
    place.run(&format!("reference build {weather} --rows 0..{start} {kinds} -o r.json")).fine();
    let ran = place.run(&format!(
        "replay {weather} --time row --rows {start}.. --reference r.json --window 1000s --close"
    ));
    let lines = ran.lines();
    let windows = golden["windows"].as_array().unwrap();
    let mut compared = BTreeMap::<&str, u32>::new();
    for report in of_type(&lines, "window_report") {
        let seconds = |time: &Json| time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
        let end = start + seconds(&report["window"]["end"]) as u64;
        let window = windows.iter().find(|w| w["start"] == end - 1000 && w["end"] == end).unwrap();
        for row in golden["values"].as_array().unwrap().iter().filter(|row| row[0] == window["id"]) {
            let feature = report["features"].as_array().unwrap().iter().find(|f| f["feature"] == row[1]);
            let (feature, metric, expected) = (feature.unwrap(), row[2].as_str().unwrap(), &row[3]);
            if is_near(feature, metric, expected.as_f64().unwrap())
                .unwrap_or_else(|found| panic!("{row}: {found}"))
            {
                *compared.entry(metric).or_default() += 1;
            }
        }
    }
    // Eight numbers and one category, in five windows.
    let expected = [
        ("hellinger", 45),
        ("jensen_shannon", 45),
        ("ks_pvalue", 40),
        ("ks_stat", 40),
        ("psi_categories_floor1e4", 5),
        ("psi_decile10", 40),
        ("wasserstein_norm", 40),
        ("z_clipped", 40),
    ];
    assert_eq!(compared.into_iter().collect::<Vec<_>>(), expected);
}

/// Whether a metric is measured; what was found where that is not near.
fn is_near(feature: &Json, metric: &str, expected: f64) -> Result<bool, String> {
    let of = |measure: &str, field: &str| feature["measures"][measure][field].as_f64().unwrap();
    let within = |measure: &str| {
        let slack = 1e-12 * expected.max(1.0);
        of(measure, "low") - slack <= expected && expected <= of(measure, "high") + slack
    };
    let near = |measure: &str, tolerance: f64| (of(measure, "value") - expected).abs() <= tolerance;
    let is_near = match metric {
        "psi_decile10" | "psi_categories_floor1e4" => near("psi", 1e-9 * expected.max(1.0)),
        "jensen_shannon" | "hellinger" => near(metric, 1e-9),
        "ks_stat" => within("ks") && near("ks", 0.005),
        // On the same side of the usual levels, unless it is so near to one that SciPy's exact law and
        // the limit law are not.
        "ks_pvalue" => {
            let p = feature["tests"]["shape"]["p_value"].as_f64().unwrap();
            let is_far = |side: &&f64| (expected / **side - 1.0).abs() > 0.05;
            [0.001, 0.01, 0.05].iter().filter(is_far).all(|side| (p < *side) == (expected < *side))
        }
        "wasserstein_norm" => within("wasserstein") && near("wasserstein", (0.01 * expected).max(0.0075)),
        "z_clipped" => within("z_score") && near("z_score", 0.01 * expected.abs().max(1.0)),
        _ => return Ok(false),
    };
    if is_near { Ok(true) } else { Err(format!("{} {}", feature["measures"], feature["tests"])) }
}

#[test]
fn a_shift_is_found_reported_and_triggers_in_the_order_of_the_contract() {
    let place = shifted();
    let ran = place.run("replay all.csv --time ts --reference train.csv --window 500s --slide 250s --set policy.min_rows=200 --set policy.retrain.share_min_features=1");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lines = ran.lines();
    let order: Vec<String> = lines
        .iter()
        .map(|line| match line["type"].as_str().unwrap() {
            "window_report" => format!("{} report {}", line["decided_at"].as_str().unwrap(), line["verdict"]),
            "drift_event" => format!(
                "{} event {} {} {}",
                line["decided_at"].as_str().unwrap(),
                line["transition"],
                line["feature"],
                line["severity"]
            ),
            "retraining_trigger" => {
                format!("{} trigger {}", line["decided_at"].as_str().unwrap(), line["cause"])
            }
            other => other.to_owned(),
        })
        .collect();
    insta::assert_snapshot!(order.join("\n").replace('"', ""));
    insta::assert_snapshot!(lines.last().unwrap().to_string().replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn panes_stay_open_at_the_end_unless_they_are_to_be_closed() {
    let place = shifted();
    let summary = |rest: &str| {
        let ran = place.run(&format!("replay all.csv --time ts --reference train.csv --window 500s {rest}"));
        ran.lines().pop().unwrap()
    };
    // The stream starts at a whole 100 s, not at a whole 500 s.
    let (open, closed) = (summary(""), summary("--close"));
    assert!(number(&open, "open_rows") > 0);
    assert_eq!(number(&open, "events") + number(&open, "open_rows"), 2000);
    assert_eq!((number(&closed, "events"), number(&closed, "open_rows")), (2000, 0));
    assert_eq!(number(&closed, "windows"), number(&open, "windows") + 1);
}

#[test]
fn fail_on_makes_the_exit_code_1() {
    let place = shifted();
    let code = |file: &str, what: &str| {
        place
            .run(&format!("replay {file} --time ts --reference train.csv --window 500s --fail-on {what}"))
            .code
    };
    assert_eq!(code("all.csv", "drift"), 1);
    assert_eq!(code("all.csv", "trigger"), 0);
    assert_eq!(code("train.csv", "drift,warning,trigger"), 0);
}

#[test]
fn a_row_without_a_time_is_a_dead_letter_that_is_named_and_the_rest_goes_on() {
    let place = shifted();
    let text = place.read("all.csv").replacen("\n1772409700,", "\nyesterday,", 1);
    place.write("broken.csv", &text);
    let ran = place.run("replay broken.csv --time ts --reference train.csv --window 500s");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let summary = ran.lines().pop().unwrap();
    assert_eq!((number(&summary, "rows"), number(&summary, "dead_letters")), (2000, 1));
    assert_eq!(summary["dead_letter_reasons"]["no_time"], 1);
    assert!(ran.stderr.contains("broken.csv:102") && ran.stderr.contains("yesterday"), "{}", ran.stderr);
}

#[test]
fn events_of_several_files_give_what_one_file_gives() {
    let place = Place::new();
    place.run(SIMULATE).fine();
    let all = place.read("all.jsonl");
    let half = |odd: usize| {
        let lines = all.lines().enumerate().filter(|(number, _)| number % 2 == odd);
        lines.map(|(_, line)| format!("{line}\n")).collect::<String>()
    };
    place.write("even.jsonl", &half(0));
    place.write("odd.jsonl", &format!("{}\nnot an event\n", half(1)));
    // Offsets and digests' figures may differ; what decides may not.
    let decided = |files: &str| {
        let lines = place.run(&format!("replay {files} {OPTIONS}")).lines();
        let reports = of_type(&lines, "window_report").into_iter().map(|report| {
            let psi = report["features"].as_array().unwrap().iter().map(|f| f["measures"]["psi"].clone());
            Json::from(vec![report["id"].clone(), report["window"].clone(), psi.collect()])
        });
        let events = of_type(&lines, "drift_event").into_iter();
        let events =
            events.map(|e| Json::from(vec![e["id"].clone(), e["decided_at"].clone(), e["severity"].clone()]));
        (reports.chain(events).collect::<Vec<_>>(), lines.last().unwrap().clone())
    };
    let (one, two) = (decided("all.jsonl"), decided("even.jsonl odd.jsonl"));
    assert_eq!(one.0, two.0);
    assert!(one.0.len() > 10, "{}", one.0.len());
    assert_eq!((number(&one.1, "dead_letters"), number(&two.1, "dead_letters")), (0, 1));
    for summary in [one.1, two.1] {
        let parts = ["events", "late", "idle_late", "unrouted", "dead_letters", "limited", "open_rows"];
        assert_eq!(parts.iter().map(|part| number(&summary, part)).sum::<u64>(), number(&summary, "rows"));
    }
}

#[test]
fn a_configuration_says_all_and_a_policy_can_be_tried_over_it() {
    let place = Place::new();
    place.run(SIMULATE).fine();
    place.write(
        "driftline.toml",
        "[window]\nsize = '20m'\nslide = '10m'\nlook = '10s'\nallowed_lateness = '5s'\n\
         [[model]]\nname = 'fraud'\nreference = 'train.csv'\ntopics = ['inference-events']\n",
    );
    place.write("quiet.toml", "[policy]\nmode = 'observe'\n");
    let summary = |rest: &str| {
        place.run(&format!("replay all.jsonl --config driftline.toml {rest}")).lines().pop().unwrap()
    };
    assert!(number(&summary(""), "drift_events") > 0);
    assert_eq!(number(&summary("--policy quiet.toml"), "drift_events"), 0);
    assert_eq!(number(&summary("--set policy.min_rows=1000000"), "drift_events"), 0);
    assert!(number(&summary("--window 40m"), "windows") < number(&summary(""), "windows"));
    let ran = place.run("replay all.jsonl --config driftline.toml --format table");
    assert!(
        ran.stdout.contains("detected") && ran.stdout.contains("amount of fraud/7 moved up"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_window_with_few_rows_reaches_back_as_far_as_the_configuration_lets_it() {
    let place = Place::new();
    place.run(SIMULATE).fine();
    let replay = |grow_to: &str| {
        let text = format!(
            "[window]\nsize = '10m'\nslide = '10m'\nlook = '10s'\nallowed_lateness = '5s'\ngrow_to = '{grow_to}'\n\
             [policy]\nmin_rows = 7000\nearly.enabled = false\n\
             [[model]]\nname = 'fraud'\nreference = 'train.csv'\ntopics = ['inference-events']\n",
        );
        place.write("driftline.toml", &text);
        place.run("replay all.jsonl --config driftline.toml --close")
    };
    let windows = |lines: &[Json]| {
        let window = |report: &Json| {
            let time = |key: &str| text(&report["window"][key]).parse::<jiff::Timestamp>().unwrap();
            let minutes = time("end").duration_since(time("start")).as_mins();
            format!("{minutes} min {} {}", text(&report["window"]["state"]), text(&report["verdict"]))
        };
        let of_7 = of_type(lines, "window_report").into_iter().filter(|report| report["version"] == "7");
        of_7.map(window).collect::<Vec<_>>()
    };
    assert_eq!(windows(&replay("").lines()), ["10 min insufficient insufficient"; 8]);
    // About 2,400 rows in ten minutes, so it takes thirty to have them; the drift begins at forty.
    let grown = replay("40m").lines();
    let expected =
        ["10 min insufficient insufficient", "10 min insufficient insufficient", "30 min grown ok"];
    assert_eq!(windows(&grown)[..3], expected);
    assert!(windows(&grown)[4..].iter().all(|window| window.starts_with("30 min grown ")), "{grown:?}");
    assert_eq!(windows(&grown)[6], "30 min grown critical");
    assert_eq!(of_type(&grown, "drift_event")[0]["window"]["state"], "grown");
    let refused = replay("25m");
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("must be a multiple of its slide"), "{}", refused.stderr);
}

#[test]
fn what_is_missing_is_asked_for() {
    let place = shifted();
    place.run("simulate --events 100 -o events.jsonl").fine();
    place.write("two.toml", "[[model]]\nname = 'a'\n[[model]]\nname = 'b'\n");
    for (line, says) in [
        ("all.csv --reference train.csv", "--time COLUMN"),
        ("all.csv --time ts", "give --reference FILE"),
        ("all.csv --time when --reference train.csv", "the columns are ts, amount, channel"),
        ("events.jsonl --reference train.csv", "say --model NAME"),
        ("events.jsonl --reference train.csv --model other", "the first is of `fraud`"),
        ("all.csv --time ts --config two.toml --reference train.csv", "say which with --model: a, b"),
        ("all.csv --time ts --reference train.csv --set policy.min_row=1", "did you mean `min_rows`?"),
        ("all.csv --time ts --reference train.csv --window 7s --slide 2s", "must be a multiple of its slide"),
        ("all.csv --time amount --reference train.csv --policy two.toml", "`model` is no part of a policy"),
    ] {
        let ran = place.run(&format!("replay {line}"));
        assert_eq!(ran.code, 2, "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{line}: {}", ran.stderr);
    }
}

#[test]
fn a_model_without_a_reference_is_compared_with_its_first_rows() {
    let place = shifted();
    let (own, moved) = (payments(2000, 0.0), payments(4000, 30.0));
    let moved: String = moved.lines().skip(2001).map(|line| format!("{line}\n")).collect();
    place.write("all.csv", &format!("{own}{moved}"));
    place.write(
        "bootstrap.toml",
        "[window]\nsize = '500s'\nslide = '250s'\nlook = '25s'\nallowed_lateness = '0s'\n\
         [policy]\nmin_rows = 200\nwarmup = '0s'\n[references]\nlead = '300s'\n\
         [bootstrap]\nmin_rows = 1000\nmin_duration = '1000s'\nmax_duration = '2000s'\n\
         [[model]]\nname = 'shop'\non_missing_reference = 'bootstrap'\n",
    );
    let ran = place.run("replay all.csv --time ts --config bootstrap.toml");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lines = ran.lines();
    let [made] = of_type(&lines, "reference_published")[..] else { panic!("one reference: {lines:#?}") };
    // A hundred seconds of the first pane are before the first row.
    let time = |text: &str| format!("2026-03-02T{text}.000Z");
    assert_eq!(
        made["start"],
        time("00:00:00").replace("00:00:00", "23:58:20").replace("03-02", "03-01").as_str()
    );
    assert_eq!((&made["decided_at"], &made["rows"]), (&time("00:19:10").into(), &1150.into()));
    assert_eq!(made["effective_from"], time("00:27:30").as_str());
    assert_eq!((&made["origin"], &made["stable"]), (&"bootstrap".into(), &true.into()));
    assert_eq!((&made["features"], &made["left_out"]), (&2.into(), &Json::Array(vec![])));
    let end = |report: &Json| text(&report["window"]["end"]).to_owned();
    for report in of_type(&lines, "window_report") {
        let is_before = *end(report) <= *time("00:27:30");
        assert_eq!(report["verdict"] == "no_reference", is_before, "{report}");
        let is_drifted =
            report["features"].as_array().unwrap().iter().any(|feature| feature["drift"] == true);
        assert!(!is_drifted || *end(report) > *time("00:33:20"), "{report}");
        assert!(is_drifted || *end(report) < *time("00:41:40"), "{report}");
    }
    let events = of_type(&lines, "drift_event");
    assert!(!events.is_empty() && events.iter().all(|event| event["reference"]["origin"] == "bootstrap"));
    assert_eq!(number(lines.last().unwrap(), "references"), 1);
    // For people, too.
    let table = place.run("replay all.csv --time ts --config bootstrap.toml --format table").fine();
    let line = table.lines().find(|line| line.contains("reference ref_")).unwrap();
    assert!(
        line.ends_with(
            "made of 1150 rows from 2026-03-01T23:58:20.000Z to 2026-03-02T00:19:10.000Z; its halves agree"
        ),
        "{line}"
    );
}
