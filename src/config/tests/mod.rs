//! What a user may rely on.

mod defaults;
mod mistakes;
mod sources;

use super::*;

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
