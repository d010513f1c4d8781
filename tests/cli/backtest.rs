//! `replay` as a backtest: policies side by side, against what is known to have happened.

use super::{Place, payments};

/// Two hours of history in which `amount` moved by 10 (a third of its spread) from 4,000 s on, and by 30 from 6,000 s on.
fn place() -> Place {
    let place = Place::new();
    let rows = payments(8000, 0.0);
    place.write("train.csv", &payments(2000, 0.0));
    let moved = |at: usize| {
        if at < 4000 {
            0.0
        } else if at < 6000 {
            10.0
        } else {
            30.0
        }
    };
    let mut lines = rows.lines();
    let mut text = format!("{}\n", lines.next().unwrap());
    for (at, line) in lines.enumerate() {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        cells[1] = format!("{:.4}", cells[1].parse::<f64>().unwrap() + moved(at));
        text.push_str(&format!("{}\n", cells.join(",")));
    }
    place.write("history.csv", &text);
    place.write("known.csv", &format!("start,end,feature\n{},,amount\n", 1_772_409_600 + 6000));
    place.write(
        "dull.toml",
        "[policy]\nthresholds.psi = { warning = 1.5, drift = 2, critical = 4 }\n\
         thresholds.ks = { warning = 0.2, drift = 0.25, critical = 0.5 }\n",
    );
    place
}

const REPLAY: &str = "replay history.csv --time ts --reference train.csv --window 1000s --slide 500s --set policy.early.enabled=false";

#[test]
fn policies_stand_side_by_side() {
    let place = place();
    let line = format!("{REPLAY} --compare dull.toml --incidents known.csv --format table");
    insta::assert_snapshot!(place.run(&line).fine(), @r"
    windows that end from 2026-03-02T00:06:40.000Z to 2026-03-02T02:11:40.000Z, 0.08681 days
    ────────────────────────────────────────────────────────────────────────────────
                                            configured              dull.toml
    ════════════════════════════════════════════════════════════════════════════════
     windows                                16                      16
     alarms                                 1                       1
       by early sight                       0                       0
       in 30 days                           345.6                   345.6
     escalations                            0                       0
     retraining triggers                    0                       0
     false alarms                           1                       0
     false triggers                         0                       0
     amount from 2026-03-02T01:40:00.000Z   critical since before   drift after 15m
    ────────────────────────────────────────────────────────────────────────────────
    ");
    let ran = place.run(&format!("{REPLAY} --compare dull.toml --incidents known.csv"));
    let json = ran.json();
    assert_eq!((&json["type"], &json["schema_version"]), (&"backtest".into(), &1.into()));
    let told = |policy: usize, what: &str| json["policies"][policy][what].clone();
    assert_eq!((told(0, "false_alarms"), told(1, "false_alarms")), (1.into(), 0.into()));
    // The default policy has an open incident then: what it tells is that it got worse.
    assert_eq!(json["policies"][1]["found"][0]["feature"], "amount");
    assert!(json["policies"][0]["found"][0]["delay_seconds"].as_f64().unwrap() <= 1000.0);
}

#[test]
fn thresholds_are_suggested_for_a_wished_rate_of_alarms() {
    let place = place();
    let suggest = |wish: &str| {
        let line = format!("{REPLAY} --incidents known.csv --alarms {wish}");
        place.run(&line).json()["suggestion"].clone()
    };
    let none = suggest("0/30d");
    assert_eq!(none["alarms"], 0);
    assert!(none["factor"].as_f64().unwrap() > 1.0, "{none}");
    // What is suggested does what it says.
    let levels = &none["thresholds"]["psi"];
    let (warning, drift) = (levels["warning"].as_f64().unwrap(), levels["drift"].as_f64().unwrap());
    assert!(warning > 0.04 && drift > 0.1, "{none}");
    let told = |levels: &serde_json::Value| {
        format!(
            "{{ warning = {}, drift = {}, critical = {} }}",
            levels["warning"], levels["drift"], levels["critical"]
        )
    };
    let text: String = ["psi", "ks", "share"]
        .iter()
        .map(|name| format!("thresholds.{name} = {}\n", told(&none["thresholds"][name])))
        .collect();
    place.write("suggested.toml", &format!("[policy]\n{text}"));
    let ran = place.run(&format!("{REPLAY} --policy suggested.toml --incidents known.csv"));
    assert_eq!(ran.json()["policies"][0]["false_alarms"], 0);
    let many = suggest("1000/1h");
    assert!(many["factor"].as_f64().unwrap() < 1.0, "{many}");
}

#[test]
fn a_suggestion_names_the_thresholds_of_a_feature_that_has_its_own() {
    let place = place();
    let own = "[[model]]\nname = \"payments\"\n[model.features.amount]\n\
               thresholds.ks = { warning = 0.09, drift = 0.11, critical = 0.2 }\n";
    place.write("own.toml", own);
    let of_model =
        |rest: &str| place.run(&format!("{REPLAY} --config own.toml --incidents known.csv {rest}"));
    let suggestion = of_model("--alarms 0/30d").json()["suggestion"].clone();
    let (factor, own) = (suggestion["factor"].as_f64().unwrap(), &suggestion["own"]);
    assert_eq!((own.as_array().unwrap().len(), &own[0]["feature"]), (1, &"amount".into()));
    let ks = own[0]["thresholds"]["ks"]["drift"].as_f64().unwrap();
    assert!((ks - 0.11 * factor).abs() < 0.01 * ks, "{suggestion}");
    let shown = of_model("--alarms 0/30d --format table").fine().to_owned();
    let lines = &shown[shown.find("[policy]").unwrap()..];
    assert!(lines.contains("[model.features.\"amount\"]  # of payments\nthresholds.ks = {"), "{lines}");
}

#[test]
fn what_cannot_be_judged_is_refused() {
    let place = place();
    place.write("wrong.csv", "start,end\n2026-03-02,2026-03-01\n");
    place.write("empty.csv", "start,end\n");
    let refused = |rest: &str| {
        let ran = place.run(&format!("{REPLAY} {rest}"));
        assert_eq!(ran.code, 2, "{}", ran.stdout);
        ran.stderr
    };
    assert!(refused("--incidents wrong.csv").contains("ends before it begins"));
    assert!(refused("--incidents empty.csv").contains("no incident"));
    assert!(refused("--alarms often").contains("2/30d"));
    assert!(refused("--compare dull.toml --fail-on drift").contains("--fail-on"));
}
