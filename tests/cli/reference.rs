//! `reference build`, `show` and `diff`.

use super::{Place, payments, ran, weather};
use std::io::Write;
use std::process::Stdio;

#[test]
fn a_profile_of_real_data_is_shown_feature_by_feature() {
    let place = Place::new();
    let weather = weather();
    place.run(&format!("reference build {weather} --rows 0..4500 --kind rain=categorical -o r.json")).fine();
    insta::assert_snapshot!(place.run("reference show r.json").fine());
    let json = place.run("reference show r.json --format json").json();
    assert_eq!((&json["rows"], &json["features"][5]["top"][0][0]), (&4500.into(), &"0".into()));
    // 3,179 of 4,500 days, counted in the file
    assert_eq!(json["features"][5]["top"][0][1], 3179.0 / 4500.0);
}

#[test]
fn the_same_rows_give_the_same_bytes_from_a_file_and_from_standard_input() {
    let place = Place::new();
    place.write("a.csv", &payments(500, 0.0));
    let from_file = place.run("reference build a.csv --time ts").fine();
    let mut child = place
        .command(["reference", "build", "-", "--input-format", "csv", "--time", "ts"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    child.stdin.take().expect("it is piped").write_all(payments(500, 0.0).as_bytes()).expect("it reads");
    assert_eq!(ran(child.wait_with_output().expect("it ends")).fine(), from_file);
    let record: serde_json::Value = serde_json::from_str(&from_file).expect("one line of JSON");
    let names: Vec<&str> =
        record["features"].as_array().unwrap().iter().map(|f| f["feature"].as_str().unwrap()).collect();
    assert_eq!(names, ["amount", "channel"], "the time is not monitored");
    assert_eq!(record["type"], "reference_profile");
}

#[test]
fn columns_kinds_and_roles_are_as_said() {
    let place = Place::new();
    place.write("a.csv", "a,b,prediction,d\n".to_owned().as_str());
    let rows: String = (0..100).map(|i| format!("{},{},0.{},x\n", i % 4, i, i % 7)).collect();
    place.write("a.csv", &format!("a,b,prediction,d\n{rows}"));
    let shown = |args: &str| {
        place.run(&format!("reference build a.csv -o a.json {args}")).fine();
        let json = place.run("reference show a.json --format json").json();
        let features = json["features"].as_array().unwrap().clone();
        features
            .iter()
            .map(|f| format!("{}:{}:{}", f["feature"], f["kind"], f["role"]).replace('"', ""))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        shown("--kind a=categorical --role b=label --ignore d"),
        "a:categorical:feature b:continuous:label prediction:continuous:prediction"
    );
    assert_eq!(shown("--columns a"), "a:discrete:feature");
}

#[test]
fn what_can_not_be_built_is_refused_with_the_reason() {
    let place = Place::new();
    place.write("a.csv", &payments(10, 0.0));
    for (line, says) in [
        ("a.csv --output a.avro", "JSON in this version"),
        ("a.csv --time when", "no column `when`"),
        ("a.csv --kind amout=discrete", "no column `amout`"),
        ("a.csv --rows 20..30", "there are only 10"),
        ("a.csv --kind amount=number", "continuous"),
        ("a.txt", "does not tell its format"),
    ] {
        let ran = place.run(&format!("reference build {line}"));
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{line}");
        assert!(ran.stderr.contains(says), "{line}: {}", ran.stderr);
    }
}

#[test]
fn two_profiles_are_compared_exactly_where_that_can_be() {
    let place = Place::new();
    let rows = |n: u32, colours: &[&str], extra: &str| {
        let row = |i: u32| format!("{},{}.5,{},{}\n", i % 5, i, colours[i as usize % colours.len()], i % 2);
        format!("level,size,colour,{extra}\n{}", (0..n).map(row).collect::<String>())
    };
    place.write("a.csv", &rows(600, &["red", "green"], "old"));
    place.write("b.csv", &rows(900, &["red", "green", "blue"], "new"));
    for name in ["a", "b"] {
        place.run(&format!("reference build {name}.csv -o {name}.json")).fine();
    }
    insta::assert_snapshot!(place.run("reference diff a.json b.json").fine());
    let json = place.run("reference diff a.json b.json --format json").json();
    assert_eq!(json["same"], false);
    let changes: Vec<String> = json["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| format!("{} {}", f["feature"].as_str().unwrap(), f["change"].as_str().unwrap()))
        .collect();
    assert_eq!(changes, ["colour changed", "level changed", "new added", "old removed", "size changed"]);
    assert!(place.run("reference diff a.json a.json").fine().ends_with("the same content\n"));
}

#[test]
fn a_profile_that_was_changed_by_hand_is_refused() {
    let place = Place::new();
    place.write("a.csv", &payments(100, 0.0));
    place.run("reference build a.csv -o a.json").fine();
    place.write("a.json", &place.read("a.json").replace("\"rows\":100", "\"rows\":101"));
    let ran = place.run("reference show a.json");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("hashes to"), "{}", ran.stderr);
}
