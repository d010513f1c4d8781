//! The features of an event, how each is drawn, and how the model scores them.
//!
//! A few hidden traits of the customer and the payment are behind all features: that is where their
//! correlation comes from.

use super::dice::{Dice, cumulated};
use crate::event::Value;

/// What is behind the features of one event: standard normal each, and nowhere published.
pub(super) struct Traits {
    wealth: f64,
    risk: f64,
    activity: f64,
    spend: f64,
}

impl Traits {
    pub(super) fn draw(dice: &mut Dice) -> Traits {
        Traits { wealth: dice.normal(), risk: dice.normal(), activity: dice.normal(), spend: dice.normal() }
    }
}

/// A feature: its name, the share of events in which it is missing, and how it is drawn.
pub(super) struct Feature {
    pub(super) name: &'static str,
    pub(super) missing: f64,
    pub(super) shape: Shape,
}

type Draw = fn(&Traits, &mut Dice) -> f64;

/// What values a feature has.
pub(super) enum Shape {
    /// Numbers between `min` and `max`, rounded to `decimals`.
    Number { decimals: i32, min: f64, max: f64, draw: Draw },
    /// Whole numbers up to `max`.
    Count { min: f64, max: f64, draw: Draw },
    /// One of these, the first the most frequent.
    Category { names: &'static [&'static str], shares: Shares },
    /// True in this share of the events.
    Boolean { share: f64 },
}

/// How often each category comes.
pub(super) enum Shares {
    /// As listed.
    Listed(&'static [f64]),
    /// The k-th as often as k to the power of minus this.
    Zipf(f64),
}

impl Shares {
    /// The shares of the first `count` categories, summed up one after the other.
    pub(super) fn cumulated(&self, count: usize) -> Vec<f64> {
        match self {
            Shares::Listed(shares) => cumulated(shares),
            Shares::Zipf(exponent) => {
                cumulated(&(1..=count).map(|rank| (rank as f64).powf(-exponent)).collect::<Vec<_>>())
            }
        }
    }
}

/// A term of the model's logistic regression: a feature as a number of about unit variance.
pub(super) struct Term {
    pub(super) feature: &'static str,
    pub(super) weight: f64,
    pub(super) number: fn(&Value<'_>) -> f64,
}

const fn number(name: &'static str, decimals: i32, min: f64, max: f64, draw: Draw) -> Feature {
    Feature { name, missing: 0.0, shape: Shape::Number { decimals, min, max, draw } }
}

const fn count(name: &'static str, min: f64, max: f64, draw: Draw) -> Feature {
    Feature { name, missing: 0.0, shape: Shape::Count { min, max, draw } }
}

const fn category(name: &'static str, names: &'static [&'static str], shares: Shares) -> Feature {
    Feature { name, missing: 0.0, shape: Shape::Category { names, shares } }
}

const fn boolean(name: &'static str, share: f64) -> Feature {
    Feature { name, missing: 0.0, shape: Shape::Boolean { share } }
}

const fn missing(share: f64, mut feature: Feature) -> Feature {
    feature.missing = share;
    feature
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// All features, in the order in which events list them.
pub(super) static FEATURES: [Feature; 30] = [
    number("amount", 2, 0.01, 1e6, |t, _| (3.7 + 0.9 * t.spend + 0.25 * t.wealth).exp()),
    number("amount_vs_usual", 3, 0.0, 1e4, |t, d| (0.85 * t.spend + 0.2 * d.normal()).exp()),
    count("items_in_basket", 1.0, 100.0, |t, d| 1.0 + d.poisson(1.2 * (0.4 * t.spend).exp())),
    category("merchant_category", &MERCHANTS, Shares::Zipf(1.1)),
    boolean("is_new_merchant", 0.22),
    category(
        "payment_channel",
        &["card", "wallet", "transfer", "invoice"],
        Shares::Listed(&[0.55, 0.3, 0.1, 0.05]),
    ),
    category("country", &COUNTRIES, Shares::Listed(&[0.34, 0.2, 0.15, 0.1, 0.08, 0.06, 0.04, 0.03])),
    category(
        "device_type",
        &["android", "ios", "web", "terminal"],
        Shares::Listed(&[0.38, 0.33, 0.21, 0.08]),
    ),
    number("device_age_days", 0, 0.0, 4000.0, |_, d| d.exponential(400.0)),
    number("device_score", 4, 0.0, 1.0, |t, d| logistic(1.5 - 0.8 * t.risk + 0.6 * d.normal())),
    missing(0.01, number("ip_risk", 4, 0.0, 1.0, |t, d| logistic(-2.0 + 0.9 * t.risk + 0.7 * d.normal()))),
    missing(
        0.04,
        number("distance_km", 1, 0.0, 20_000.0, |t, d| (1.8 + 0.3 * t.risk + 1.2 * d.normal()).exp()),
    ),
    missing(0.02, number("session_seconds", 1, 0.0, 86_400.0, |_, d| (4.2 + 0.7 * d.normal()).exp())),
    missing(0.08, number("typing_speed", 2, 0.2, 20.0, |t, d| 5.2 - 0.3 * t.risk + 1.1 * d.normal())),
    count("payments_24h", 0.0, 200.0, |t, d| d.poisson((0.8 + 0.35 * t.activity).exp())),
    number("spent_24h", 2, 0.0, 1e6, |t, d| {
        let (none, spent) = (d.chance(0.35), (4.0 + 0.3 * t.activity + 0.8 * d.normal()).exp());
        if none { 0.0 } else { spent }
    }),
    number("hours_since_last", 2, 0.0, 8760.0, |t, d| d.exponential(18.0 * (-0.4 * t.activity).exp())),
    count("failed_logins_7d", 0.0, 50.0, |_, d| {
        let (none, some) = (d.chance(0.85), 1.0 + d.poisson(1.0));
        if none { 0.0 } else { some }
    }),
    count("chargebacks_1y", 0.0, 20.0, |_, d| {
        let (none, some) = (d.chance(0.97), 1.0 + d.poisson(0.3));
        if none { 0.0 } else { some }
    }),
    number("account_age_days", 0, 0.0, 7300.0, |_, d| d.exponential(900.0)),
    number("customer_age", 0, 18.0, 95.0, |_, d| 41.0 + 13.0 * d.normal()),
    missing(0.03, number("income", 0, 0.0, 1e7, |t, d| (10.3 + 0.45 * t.wealth + 0.15 * d.normal()).exp())),
    number("credit_score", 0, 300.0, 850.0, |t, d| {
        660.0 + 55.0 * (0.5 * t.wealth - 0.6 * t.risk + 0.6 * d.normal())
    }),
    number("utilisation", 4, 0.0, 1.0, |t, d| {
        logistic(-0.6 + 0.8 * t.risk - 0.3 * t.wealth + 0.7 * d.normal())
    }),
    number("debt_to_income", 4, 0.0, 20.0, |t, d| (-1.2 - 0.25 * t.wealth + 0.4 * d.normal()).exp()),
    missing(0.02, category("email_domain", &DOMAINS, Shares::Zipf(1.3))),
    count("local_hour", 0.0, 23.0, |_, d| (14.0 + 4.5 * d.normal()).rem_euclid(24.0)),
    count("cards_on_file", 0.0, 20.0, |_, d| 1.0 + d.poisson(0.7)),
    boolean("address_matches", 0.93),
    boolean("strong_authentication", 0.6),
];

static MERCHANTS: [&str; 24] = [
    "grocery",
    "fuel",
    "restaurant",
    "fashion",
    "electronics",
    "travel",
    "pharmacy",
    "hotel",
    "books",
    "gaming",
    "furniture",
    "telecom",
    "utilities",
    "insurance",
    "taxi",
    "beauty",
    "sports",
    "toys",
    "charity",
    "jewellery",
    "crypto",
    "betting",
    "antiques",
    "freight",
];
static COUNTRIES: [&str; 8] = ["DE", "FR", "IT", "ES", "NL", "PL", "SE", "US"];
static DOMAINS: [&str; 10] = [
    "mail.example",
    "post.example",
    "webmail.example",
    "isp.example",
    "phone.example",
    "work.example",
    "school.example",
    "private.example",
    "alias.example",
    "throwaway.example",
];

/// The log-odds of fraud for an event whose terms are all zero.
pub(super) const INTERCEPT: f64 = -2.6;

/// The model: what the prediction is computed from.
pub(super) static TERMS: [Term; 9] = [
    Term { feature: "amount", weight: 0.45, number: |v| (of(v, 40.4).max(0.01).ln() - 3.7) / 0.93 },
    Term { feature: "ip_risk", weight: 0.6, number: |v| (of(v, 0.16) - 0.16) / 0.13 },
    Term { feature: "device_score", weight: -0.5, number: |v| (of(v, 0.78) - 0.78) / 0.15 },
    Term { feature: "utilisation", weight: 0.4, number: |v| (of(v, 0.38) - 0.38) / 0.21 },
    Term { feature: "payments_24h", weight: 0.25, number: |v| (of(v, 2.4) - 2.4) / 1.8 },
    Term { feature: "failed_logins_7d", weight: 0.3, number: |v| of(v, 0.0) / 0.8 },
    Term { feature: "is_new_merchant", weight: 0.35, number: |v| f64::from(*v == Value::Bool(true)) },
    Term { feature: "address_matches", weight: 0.5, number: |v| f64::from(*v == Value::Bool(false)) },
    Term { feature: "merchant_category", weight: 0.8, number: |v| f64::from(is_risky(v)) },
];

/// The number, or what the model takes where there is none.
fn of(value: &Value<'_>, default: f64) -> f64 {
    match value {
        Value::Number(number) => *number,
        _ => default,
    }
}

fn is_risky(value: &Value<'_>) -> bool {
    matches!(value, Value::Text(name) if matches!(&**name, "crypto" | "betting" | "jewellery" | "gaming"))
}

/// The prediction for these values of the terms' features, in the terms' order: a probability.
pub(super) fn score<'a>(values: impl Iterator<Item = &'a Value<'static>>) -> f64 {
    // A broken input must not take the score with it: no term counts beyond four of its deviations.
    let terms =
        TERMS.iter().zip(values).map(|(term, value)| term.weight * (term.number)(value).clamp(-4.0, 4.0));
    logistic(INTERCEPT + terms.sum::<f64>())
}
