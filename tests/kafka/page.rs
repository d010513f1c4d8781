//! The page's answers and the report, of a service on a real broker.

use crate::deployment::{Deployment, driftline_ok, text};
use crate::support::wait_until;
use serde_json::Value;
use std::time::Duration;

const SETTINGS: &str = "[input]\ntopics = ['@INPUT@']\nstart = 'earliest'\n\
    [window]\nsize = '20s'\nslide = '10s'\nlook = '1s'\nallowed_lateness = '0s'\n\
    [policy]\nmin_rows = 100\nwarmup = '0s'\n[[model]]\nname = 'fraud'\n";

#[test]
fn an_instance_shows_what_is_published_and_the_report_has_the_same() {
    let deployment = Deployment::new(2, SETTINGS);
    let row = |at: usize| {
        let (amount, time) = (at * 7919 % 1000, 1_772_000_000_000_usize + at * 100);
        format!(
            r#"{{"id":"{at}","model":"fraud","version":"7","time":{time},"features":{{"amount":{amount}}}}}"#
        )
    };
    let table = deployment.dir.path().join("train.csv");
    let values: String = (0..2000).map(|at| format!("{}\n", at * 7919 % 1000)).collect();
    std::fs::write(&table, format!("amount\n{values}")).expect("the table is written");
    deployment.publish(&table, &[], "fraud", "7");
    let instance = deployment.start("one");
    deployment.produce(&(0..1000).map(row).collect::<Vec<_>>());
    deployment.wait_for_reports(5);

    let windows = |answer: &Value| answer["models"][0]["windows"].as_u64().unwrap_or(0);
    let mut models = Value::Null;
    wait_until(Duration::from_secs(60), "the page knows the windows", || {
        let (status, body) = instance.get("/api/models").expect("it answers");
        assert_eq!(status, 200, "{body}");
        models = serde_json::from_str(&body).expect("JSON");
        windows(&models) >= 5
    });
    let model = &models["models"][0];
    assert_eq!(
        (&model["model"], &model["version"], &model["verdict"]),
        (&"fraud".into(), &"7".into(), &"ok".into())
    );

    let config = deployment.config("report", "");
    let html = deployment.dir.path().join("report.html");
    driftline_ok(&["report", "--config", text(&config), "--since", "3650d", "--output", text(&html)]);
    let page = std::fs::read_to_string(&html).expect("the report is there");
    assert!(page.contains("\"fraud\"") && page.contains("amount"), "the data are inside");
    assert!(!page.contains("src=\"http"), "nothing is asked for elsewhere");
}
