//! A trigger that nobody acknowledges, on a real broker, while instances are killed: it expires and comes
//! again so often as it may, and then an incident says so, as `replay` says.

use crate::deployment::Decided;
use crate::exactly_once::{
    CLASSIC, SETTINGS, assert_as_if_nothing_had_happened, configure, deployment_with, stream, while_rows_come,
};
use crate::support::Driftline;
use serde_json::{Value, json};
use std::time::Duration;

/// What is said of the retraining of fraud/1: each attempt, how often one expired, and how often it is said
/// that no more are made.
fn retraining(decided: &Decided) -> (Vec<u64>, usize, usize) {
    let of_it =
        || decided.records.values().filter(|record| record["model"] == "fraud" && record["version"] == "1");
    let mut attempts: Vec<u64> = of_it()
        .filter(|record| record["type"] == "retraining_trigger")
        .map(|trigger| trigger["attempt"].as_u64().expect("a number"))
        .collect();
    attempts.sort_unstable();
    let expired = of_it().filter(|event| event["transition"] == "expired").count();
    let is_given_up = |event: &&Value| {
        event["category"] == "retraining" && event["transition"] == "detected" && event["trigger"].is_null()
    };
    (attempts, expired, of_it().filter(is_given_up).count())
}

#[test]
fn a_trigger_that_nobody_acknowledges_comes_again_so_often_whoever_is_killed() {
    let events = stream(93, 24_000);
    let settings = SETTINGS
        .replace("retrain.cooldown = '2m'", "retrain.cooldown = '1m'\nretrain.max_attempts = 3")
        .replace("retrain.ttl = '5m'", "retrain.ttl = '1m'");
    let (deployment, expected) = deployment_with(&settings, 93, &events);
    assert_eq!(retraining(&expected), (vec![1, 2, 3], 3, 1));
    let configs = ["one", "two"].map(|name| configure(&deployment, name, true, CLASSIC));
    let mut instances: Vec<Driftline> = configs.iter().map(|config| Driftline::start(config)).collect();
    while_rows_come(&deployment, &events, Duration::from_secs(30), || {
        // The drift begins in the middle: an end of a trigger's time is about four seconds from the next.
        for (pause, which) in [(14, 0), (3, 1), (3, 0), (3, 1), (3, 0)] {
            std::thread::sleep(Duration::from_secs(pause));
            instances[which].kill();
            instances[which] = Driftline::spawn(&configs[which], &[]);
        }
    });
    assert_as_if_nothing_had_happened(&deployment, &expected, instances, events.len());
    let found = deployment.decided();
    assert_eq!(retraining(&found), (vec![1, 2, 3], 3, 1));
    let chain: Vec<Value> = deployment.output("triggers");
    let next = |before: &Value| chain.iter().find(|trigger| trigger["supersedes"] == before["id"]);
    let first = chain.iter().find(|trigger| trigger["version"] == "1" && trigger["attempt"] == json!(1));
    let second = first.and_then(next).expect("it comes again");
    assert_eq!(next(second).expect("and again")["attempt"], json!(3));
}
