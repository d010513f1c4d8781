//! `check`: verdicts, their JSON, and exit codes.

use super::{Place, payments, weather};
use serde_json::Value as Json;

fn place() -> Place {
    let place = Place::new();
    place.write("train.csv", &payments(2000, 0.0));
    place.write("same.csv", &payments(1000, 0.0));
    place.write("moved.csv", &payments(1000, 30.0));
    place
}

/// Leaves four digits of numbers: machines differ in the last ones.
fn round(json: &mut Json) {
    match json {
        Json::Number(number) if number.is_f64() => {
            let rounded = format!("{:.3e}", number.as_f64().expect("it is one"));
            *json = rounded.parse::<f64>().expect("a number").into();
        }
        Json::Array(items) => items.iter_mut().for_each(round),
        Json::Object(fields) => fields.values_mut().for_each(round),
        _ => {}
    }
}

#[test]
fn real_data_are_judged_readably() {
    let weather = weather();
    let line = format!(
        "check --reference {weather} --reference-rows 0..4500 --current {weather} --current-rows 4500..5500"
    );
    let ran = Place::new().run(&line);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn the_json_has_the_form_of_the_contract() {
    let place = place();
    let ran = place.run("check --reference train.csv --current moved.csv --time ts --format json");
    assert_eq!(ran.code, 1);
    let mut json = ran.json();
    assert_eq!(json["tool_version"].take(), env!("CARGO_PKG_VERSION"));
    round(&mut json);
    insta::assert_json_snapshot!(json);
}

#[test]
fn exit_codes_follow_fail_on() {
    let place = place();
    let check = |rest: &str| place.run(&format!("check --reference train.csv --time ts {rest}")).code;
    assert_eq!(check("--current same.csv"), 0);
    assert_eq!(check("--current moved.csv"), 1);
    assert_eq!(check("--current moved.csv --fail-on none"), 0);
    assert_eq!(check("--current moved.csv --fail-on schema,insufficient"), 0);
    assert_eq!(check("--current moved.csv --fail-on warning"), 1);
    // One of two features: half of the weight, but a share needs two features.
    assert_eq!(check("--current moved.csv --fail-on share"), 0);
}

#[test]
fn a_column_on_one_side_only_is_a_schema_warning() {
    let place = place();
    let swapped = payments(1000, 0.0).replace("channel", "device");
    place.write("other.csv", &swapped);
    let line = "check --reference train.csv --current other.csv --time ts --format json";
    let ran = place.run(line);
    assert_eq!(ran.code, 1);
    let warnings = ran.json()["warnings"].clone();
    let told: Vec<String> = warnings
        .as_array()
        .unwrap()
        .iter()
        .map(|w| format!("{} {}", w["code"].as_str().unwrap(), w["feature"].as_str().unwrap()))
        .collect();
    assert_eq!(told, ["schema channel", "schema device"]);
    assert_eq!(place.run(&format!("{line} --columns amount")).code, 0);
    assert_eq!(place.run(&format!("{line} --ignore channel,device")).code, 0);
}

#[test]
fn nothing_that_can_be_judged_ends_with_2_and_still_shows_why() {
    let place = place();
    place.write("few.csv", &payments(49, 30.0));
    let ran = place.run("check --reference train.csv --current few.csv --time ts --format json");
    assert_eq!(ran.code, 2);
    assert_eq!(
        (&ran.json()["verdict"], &ran.json()["drift_share"]),
        (&"insufficient".into(), &serde_json::Value::Null)
    );
    assert!(ran.stderr.contains("at least 50 rows"), "{}", ran.stderr);
}

#[test]
fn a_profile_stands_for_its_data_on_either_side() {
    let place = place();
    place.run("reference build train.csv --time ts -o train.json").fine();
    let by_data = place.run("check --reference train.csv --current moved.csv --time ts --format json");
    let by_profile = place.run("check --reference train.json --current moved.csv --time ts --format json");
    assert_eq!(by_data.stdout, by_profile.stdout);
    assert_eq!(place.run("check --reference train.json --current train.json").code, 0);

    place.run("reference build moved.csv --time ts -o moved.json").fine();
    let ran = place.run("check --reference train.json --current moved.json");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("counts `amount` in other cells"), "{}", ran.stderr);
    let ran = place.run("check --reference train.json --current same.csv --kind amount=discrete");
    assert!(ran.code == 2 && ran.stderr.contains("a profile has its kinds"), "{}", ran.stderr);
}

#[test]
fn the_level_is_the_largest_p_that_the_family_finds() {
    let (place, weather) = (Place::new(), weather());
    let level = |rest: &str| {
        let rows = "--reference-rows 0..4500 --current-rows 4500..5500";
        let line = format!("check --reference {weather} --current {weather} {rows} --format json {rest}");
        place.run(&line).json()["level"].as_f64().unwrap()
    };
    // Of 18 questions the ascending p are 4 under 0.0013, 0.003312 twice, 0.004536, 0.0244 …: by
    // Benjamini-Hochberg 0.004536 * 18 / 7 = 0.012 is found and 0.0244 * 18 / 8 = 0.055 is not, by Holm
    // 0.003312 * 13 = 0.043 is found and 0.004536 * 12 = 0.054 is not.
    assert!((level("") - 0.004_536).abs() < 1e-6);
    assert!((level("--fwer") - 0.003_312).abs() < 1e-6);
}

#[test]
fn a_stricter_share_and_a_configuration_change_what_is_found() {
    let place = place();
    let level = |rest: &str| {
        let ran = place
            .run(&format!("check --reference train.csv --current moved.csv --time ts --format json {rest}"));
        (ran.json()["level"].as_f64().unwrap(), ran.code)
    };
    assert_eq!(level("--q 1e-300"), (0.0, 0));
    place.write(
        "driftline.toml",
        "[[model]]\nname = 'fraud'\n[model.features.amount]\nimportance = 3.0\n\
         thresholds.psi = { warning = 5.0, drift = 6.0, critical = 7.0 }\n\
         thresholds.ks = { warning = 0.9, drift = 0.95, critical = 1.0 }\n",
    );
    assert_eq!(level("--config driftline.toml").1, 0);
    let ran = place.run("check --reference train.csv --current moved.csv --config driftline.toml --model x");
    assert!(ran.code == 2 && ran.stderr.contains("its models are: fraud"), "{}", ran.stderr);
}

#[test]
fn a_pipeline_reads_test_cases_or_annotations() {
    let place = place();
    let line = "check --reference train.csv --current moved.csv --time ts";
    let ran = place.run(&format!("{line} --format junit"));
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.stdout);
    let ran = place.run(&format!("{line} --format github"));
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.stdout);
    // What does not fail is a warning.
    let ran = place.run(&format!("{line} --format github --fail-on none"));
    assert!(ran.code == 0 && ran.stdout.contains("::warning") && !ran.stdout.contains("::error"));
}

#[test]
fn a_preset_asks_its_questions_of_its_columns() {
    let place = place();
    let check = |preset: &str| {
        let line = "check --reference train.csv --current moved.csv --time ts --role amount=prediction";
        place.run(&format!("{line} --format json --preset {preset}")).json()
    };
    let features = |json: &Json| -> Vec<String> {
        let features = json["features"].as_array().expect("a list");
        features.iter().map(|feature| feature["feature"].as_str().expect("a name").to_owned()).collect()
    };
    let all = check("all");
    assert_eq!(features(&all).len(), 2);
    let target = check("target-drift");
    assert_eq!(features(&target), ["amount"]);
    assert!(target["drift"] == true && target["features"][0]["tests"]["missing"].is_null());
    let drift = check("data-drift");
    assert!(drift["drift"] == false && !features(&drift).contains(&"amount".to_owned()));
    let quality = check("data-quality");
    let tests = &quality["features"][0]["tests"];
    assert!(tests["shape"].is_null() && !tests["missing"].is_null());
}

#[test]
fn expectations_bound_figures_of_the_data_and_its_columns() {
    let place = place();
    place.write(
        "expectations.toml",
        "rows = { min = 500 }\n\
         drift_share = { max = 0.4 }\n\
         [columns.\"*\"]\n\
         missing_rate = { max = 0 }\n\
         mean = { within = 0.1 }\n\
         [columns.amount]\n\
         min = { min = 0 }\n\
         max = { max = 100 }\n\
         psi = { max = 0.2 }\n\
         [columns.channel]\n\
         mean = { min = 1 }\n\
         [columns.gone]\n\
         missing_rate = { max = 1 }\n",
    );
    let check = |rest: &str| {
        place.run(&format!("check --reference train.csv --time ts --expect expectations.toml {rest}"))
    };
    let ran = check("--current moved.csv --format json");
    assert_eq!(ran.code, 1);
    let told: Vec<String> = ran.json()["expectations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            format!("{} {}", if e["met"] == true { "met  " } else { "UNMET" }, e["message"].as_str().unwrap())
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r###"
    UNMET drift_share is 0.5, expected at most 0.4
    met   rows is 1000, as expected at least 500
    UNMET mean of amount is 80.04, expected within 0.1 of the reference's 50.04
    met   missing_rate of amount is 0, as expected at most 0
    met   missing_rate of channel is 0, as expected at most 0
    UNMET max of amount is 129.9, expected at most 100
    met   min of amount is 30, as expected at least 0
    UNMET psi of amount is 2.252, expected at most 0.2
    UNMET mean of channel: a categorical column has none, expected at least 1
    UNMET missing_rate of gone: there is no such column, expected at most 1
    "###);
    // What is as expected does not hide what is not, and only what is named fails.
    assert_eq!(check("--current same.csv").code, 1);
    assert_eq!(check("--current same.csv --fail-on drift").code, 0);
    let junit = check("--current same.csv --format junit").stdout;
    assert_eq!(junit.matches("classname=\"expectations\"").count(), 10);
    assert_eq!(junit.matches("<failure").count(), 2);
    let github = check("--current same.csv --format github").stdout;
    assert!(github.contains("::error title=driftline::mean of channel: "), "{github}");
}

#[test]
fn all_mistakes_in_expectations_are_told_at_once() {
    let place = place();
    place.write(
        "expectations.toml",
        "row = { min = 500 }\n\
         [columns.amount]\n\
         missing = { max = 0 }\n\
         psi = { within = 0.1 }\n\
         mean = 3\n\
         max = { min = 3, max = 2 }\n\
         min = { most = 3 }\n",
    );
    let ran = place.run("check --reference train.csv --current same.csv --expect expectations.toml");
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.stderr, @r###"
    error: unknown figure `row`
      --> expectations.toml:1:1
      help: did you mean `rows`?
    unknown figure `columns.amount.missing`
      --> expectations.toml:3:1
      help: known: missing_rate, invalid_rate, unseen_rate, mean, std, min, p05, p25, p50, p75, p95, max, psi, ks, jensen_shannon, hellinger, wasserstein, chi_square, z_score, missing_z_score
    `columns.amount.psi` has no figure of the reference to be within a share of
      --> expectations.toml:4:7
    `columns.amount.mean` must be bounds, not an integer
      --> expectations.toml:5:8
      help: write { max = 0.05 }, { min = 0 } or both
    `columns.amount.max` can't be at least 3 and at most 2
      --> expectations.toml:6:7
    `columns.amount.min` has no bound "most"
      --> expectations.toml:7:7
      help: known: min, max, within
    "###);
}
