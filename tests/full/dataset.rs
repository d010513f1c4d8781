//! A data set with its reference answers, and its rows as events.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Rows of each sort that are mixed in among the real ones, to be accounted for and not measured.
pub const STRAYS: usize = 12;
/// The model that the rows are of.
pub const MODEL: &str = "m";

/// `NAME.csv.gz` and `golden/NAME.values.json`.
pub struct Dataset {
    pub name: String,
    pub table: PathBuf,
    pub numeric: Vec<String>,
    pub categorical: Vec<String>,
    /// Rows before this one are the reference; those from it on are the stream.
    pub split: usize,
    pub header: Vec<String>,
    pub rows: Vec<csv::StringRecord>,
    golden: Value,
}

/// A window's size and slide in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scheme {
    pub size: i64,
    pub slide: i64,
}

/// What a report should say of a feature.
#[derive(Default)]
pub struct Expected {
    pub rows: u64,
    pub null_rate: f64,
    pub psi: Option<f64>,
    pub ks: Option<f64>,
}

/// Expected values by the window's end in milliseconds, then by feature.
pub type Answers = BTreeMap<i64, BTreeMap<String, Expected>>;

impl Dataset {
    pub fn read(data: &Path, name: &str) -> Dataset {
        let golden = data.join("golden").join(format!("{name}.values.json"));
        let golden = std::fs::read(&golden).unwrap_or_else(|e| panic!("{}: {e}", golden.display()));
        let golden: Value = serde_json::from_slice(&golden).expect("reference answers are JSON");
        let table = data.join(golden["file"].as_str().expect("the name of the data file"));
        let file = File::open(&table).unwrap_or_else(|e| panic!("{}: {e}", table.display()));
        let mut reader = csv::Reader::from_reader(flate2::read::MultiGzDecoder::new(file));
        let header = reader.headers().expect("a header").iter().map(str::to_owned).collect();
        let rows: Vec<_> = reader.records().map(|row| row.expect("a row")).collect();
        assert_eq!(golden["rows"].as_u64(), Some(rows.len() as u64), "rows of {name}");
        let names = |kind: &str| -> Vec<String> {
            let names = golden["features"][kind].as_array().expect("a list of features");
            names.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
        };
        Dataset {
            name: name.to_owned(),
            table,
            numeric: names("numeric"),
            categorical: names("categorical"),
            split: count(&golden["reference"]["end"]) as usize,
            header,
            rows,
            golden,
        }
    }

    pub fn features(&self) -> impl Iterator<Item = &String> {
        self.numeric.iter().chain(&self.categorical)
    }

    pub fn column(&self, name: &str) -> usize {
        self.header.iter().position(|column| column == name).expect("a column of the data")
    }

    /// What `reference build` is told: the first rows, and the kinds as the reference answers have them.
    pub fn build_arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--rows".to_owned(), format!("0..{}", self.split)];
        for (names, kind) in [(&self.numeric, "continuous"), (&self.categorical, "categorical")] {
            arguments.extend(names.iter().flat_map(|name| ["--kind".to_owned(), format!("{name}={kind}")]));
        }
        let others: Vec<&str> = self
            .header
            .iter()
            .map(String::as_str)
            .filter(|column| !self.features().any(|name| name == column))
            .collect();
        if !others.is_empty() {
            arguments.extend(["--ignore".to_owned(), others.join(",")]);
        }
        arguments
    }

    /// The window schemes of the reference answers, a row being a second.
    pub fn schemes(&self) -> Vec<Scheme> {
        let mut schemes: Vec<Scheme> =
            self.golden["windows"].as_array().expect("windows").iter().map(scheme).collect();
        schemes.sort();
        schemes.dedup();
        schemes
    }

    /// The reference answers of a scheme, as if the stream's first row were at 1970.
    pub fn golden(&self, of: Scheme) -> Answers {
        let windows =
            self.golden["windows"].as_array().expect("windows").iter().filter(|window| scheme(window) == of);
        let ends: BTreeMap<&str, i64> = windows
            .map(|window| {
                (window["id"].as_str().expect("an id"), (count(&window["end"]) - self.split as i64) * 1000)
            })
            .collect();
        let mut answers = Answers::new();
        for row in self.golden["values"]["rows"].as_array().expect("values") {
            let [window, feature, metric, value] = row.as_array().expect("four fields").as_slice() else {
                panic!("{row} has not four fields");
            };
            let Some(end) = ends.get(window.as_str().expect("an id")) else { continue };
            let features = answers.entry(*end).or_default();
            let expected = features.entry(feature.as_str().expect("a name").to_owned()).or_default();
            match metric.as_str().expect("a metric") {
                "psi_decile10" | "psi_categories_floor1e4" => expected.psi = value.as_f64(),
                "ks_stat" => expected.ks = value.as_f64(),
                "n_valid" => expected.rows = count(value) as u64,
                "null_rate" => expected.null_rate = value.as_f64().expect("a share"),
                _ => {}
            }
        }
        assert_eq!(answers.len(), ends.len(), "windows with values");
        answers
    }

    /// The stream's rows as events at these times, one for each row.
    fn events(&self, times: &[Value]) -> Vec<String> {
        let columns: Vec<(&String, usize)> = self.features().map(|name| (name, self.column(name))).collect();
        let numeric = self.numeric.len();
        let event = |(n, (row, time)): (usize, (&csv::StringRecord, &Value))| {
            let value = |(at, (name, column)): (usize, &(&String, usize))| {
                let value = match &row[*column] {
                    "" => Value::Null,
                    text if at < numeric => serde_json::from_str(text).expect("a number"),
                    text => text.into(),
                };
                ((*name).clone(), value)
            };
            let features: Map<String, Value> = columns.iter().enumerate().map(value).collect();
            event(MODEL, &n.to_string(), time, features)
        };
        self.rows[self.split..].iter().zip(times).enumerate().map(event).collect()
    }

    /// The stream with a second a row from 1970 on. In the middle stand [`STRAYS`] rows each that are late, of a
    /// model that nobody monitors, and not JSON; in the middle of a pane, so that late rows fall into
    /// the same pane for any number of partitions.
    pub fn stream_by_row(&self) -> (Vec<String>, Vec<i64>) {
        let count = self.rows.len() - self.split;
        let times: Vec<i64> = (0..count as i64).map(|row| row * 1000).collect();
        let mut events = self.events(&times.iter().map(|time| (time / 1000).into()).collect::<Vec<_>>());
        let middle = count / 2000 * 1000 + 500;
        let none = self.nothing();
        let strays = (0..STRAYS).flat_map(|n| {
            let late = event(MODEL, &format!("late-{n}"), &0.into(), none.clone());
            let unrouted = event("nobody's", &format!("unrouted-{n}"), &middle.into(), none.clone());
            [late, unrouted, format!("{{\"id\": \"bad-{n}\"")]
        });
        events.splice(middle..middle, strays);
        (events, times)
    }

    /// A row of nothing but a null, after which all windows are over.
    pub fn closing(&self, n: usize, at_ms: i64) -> String {
        event(MODEL, &format!("closing-{n}"), &time(at_ms).into(), self.nothing())
    }

    fn nothing(&self) -> Map<String, Value> {
        Map::from_iter([(self.numeric[0].clone(), Value::Null)])
    }

    /// The stream with the times that it has, in its `timestamp` column.
    pub fn stream_by_time(&self) -> (Vec<String>, Vec<i64>) {
        let column = self.column("timestamp");
        let texts: Vec<Value> = self.rows[self.split..].iter().map(|row| row[column].into()).collect();
        let times = texts.iter().map(|text| milliseconds(text.as_str().expect("text"))).collect();
        (self.events(&texts), times)
    }
}

fn event(model: &str, id: &str, time: &Value, features: Map<String, Value>) -> String {
    json!({"id": id, "model": model, "version": "1", "time": time, "features": features}).to_string()
}

fn scheme(window: &Value) -> Scheme {
    Scheme { size: count(&window["size"]) * 1000, slide: count(&window["step"]) * 1000 }
}

/// A whole number, which the reference answers may write as `1000.0`.
fn count(value: &Value) -> i64 {
    let number = value.as_f64().filter(|number| number.fract() == 0.0);
    number.unwrap_or_else(|| panic!("{value} is not a whole number")) as i64
}

/// A time in milliseconds as RFC 3339.
pub fn time(ms: i64) -> String {
    format!("{:.3}", jiff::Timestamp::from_millisecond(ms).expect("a time"))
}

/// The milliseconds of a time in RFC 3339.
pub fn milliseconds(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().expect("a time").as_millisecond()
}
