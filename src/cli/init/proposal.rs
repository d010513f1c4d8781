//! What is proposed, and its TOML.

use crate::event::{Fields, NameFrom, TimeFrom};
use crate::reference::Profile;
use crate::words::{Grid, Name, Role, Time};
use std::collections::BTreeSet;
use std::fmt::Write;
use toml::Value;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Rows that a pane should have, so that its suffix can be judged.
const ROWS_A_PANE: f64 = 100.0;
/// A reference of fewer rows says little.
pub(super) const FEW_ROWS: u64 = 1000;

/// How dense rows are in time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rate {
    rows: u64,
    first: Option<Time>,
    last: Option<Time>,
}

impl Rate {
    /// Counts a row.
    pub fn count(&mut self, time: Time) {
        self.rows += 1;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }

    /// Rows in a day; `None`: times say nothing.
    fn a_day(self) -> Option<f64> {
        let span = self.last?.since_ms(self.first?);
        (span > 0).then(|| self.rows as f64 * DAY_MS as f64 / span as f64)
    }

    /// Windows that have enough rows: of a day by the hour, else of a week by the day.
    pub fn grid(self) -> Grid {
        let is_thin = self.a_day().is_some_and(|rows| rows / 24.0 < ROWS_A_PANE);
        let (size, slide) = if is_thin { (7 * DAY_MS, DAY_MS) } else { (DAY_MS, HOUR_MS) };
        Grid::new(size, slide, slide).expect("a slide divides its window")
    }
}

/// A model of the sample.
pub(super) struct Model {
    pub name: String,
    /// Its reference's file.
    pub file: String,
    pub profile: Profile,
    /// Columns that name rows.
    identifiers: BTreeSet<Name>,
    rate: Rate,
}

impl Model {
    pub fn new(name: String, profile: Profile, identifiers: BTreeSet<Name>, rate: Rate) -> Model {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let file = format!("{}.reference.json", name.chars().map(plain).collect::<String>());
        Model { name, file, profile, identifiers, rate }
    }
}

/// A configuration with its references.
pub(super) struct Proposal {
    pub brokers: String,
    pub topic: String,
    /// Where the parts of events are; `None`: no event was seen.
    pub fields: Option<Fields>,
    pub models: Vec<Model>,
    /// Records that could not be read so.
    pub bad: u64,
}

impl Proposal {
    /// The configuration, with comments that say what to look at.
    pub fn toml(&self) -> String {
        let mut text = format!(
            "# Proposed by `driftline init`. Every other setting has its default: `driftline validate` shows \
             them.\n\n[kafka]\nbrokers = {}\n\n[input]\ntopics = [{}]\n",
            quoted(&self.brokers),
            quoted(&self.topic)
        );
        match &self.fields {
            Some(fields) => text += &fields_toml(fields),
            None => {
                text += "# Events are expected as {\"model\": …, \"version\": …, \"time\": …, \"features\": {…}}.\n\
                         # Where yours look different, say where things are under [input.fields], or run\n\
                         # `driftline init` on a file or topic of them.\n";
            }
        }
        let rate = self.models.iter().map(|model| model.rate);
        let grid = rate.max_by_key(|rate| rate.grid().size_ms()).unwrap_or_default().grid();
        let (size, slide) = (grid.size_ms() / HOUR_MS, grid.slide_ms() / HOUR_MS);
        text += &format!("\n[window]\nsize = \"{size}h\"\nslide = \"{slide}h\"\n");
        for model in &self.models {
            text += &model.toml();
        }
        text
    }
}

impl Model {
    fn toml(&self) -> String {
        let mut text = format!("\n[[model]]\nname = {}\n", quoted(&self.name));
        let rows = self.profile.rows();
        if rows < FEW_ROWS {
            text += &format!("# Made of {rows} rows only: better build one of the training data\n");
        } else {
            text += "# Made of the sample: better build one of the training data\n";
        }
        text += "# (`driftline reference build train.csv --time COLUMN --config … --output …`).\n";
        text += &format!("reference = {}\n", quoted(&self.file));
        if !self.identifiers.is_empty() {
            let names: Vec<&str> = self.identifiers.iter().map(|name| &**name).collect();
            text += &format!("# Not watched, since most of their values come once: {}.\n", names.join(", "));
        }
        text +=
            "\n# Kinds as found; is a number rather a code? Then make it categorical.\n[model.features]\n";
        for feature in self.profile.features() {
            let role = match feature.role {
                Role::Feature => String::new(),
                role => format!("role = \"{role}\", "),
            };
            let name = quoted(&feature.name);
            // Writing to a text cannot fail.
            writeln!(text, "{name} = {{ {role}kind = \"{}\" }}", feature.kind).unwrap_or_default();
        }
        text
    }
}

/// `[input.fields]`, as far as it is not the default.
fn fields_toml(fields: &Fields) -> String {
    let name = |name: &NameFrom| match name {
        NameFrom::Pointer(pointer) => pointer.clone(),
        NameFrom::Constant(text) if text.is_empty() => String::new(),
        NameFrom::Constant(text) => format!("={text}"),
    };
    let time = |time: &TimeFrom| match time {
        TimeFrom::Pointer(pointer) => pointer.clone(),
        TimeFrom::Record => "record".to_owned(),
    };
    let optional = |pointer: &Option<String>| pointer.clone().unwrap_or_default();
    let default = Fields::default();
    let parts = [
        ("id", optional(&fields.id), optional(&default.id)),
        ("model", name(&fields.model), name(&default.model)),
        ("version", name(&fields.version), name(&default.version)),
        ("time", time(&fields.time), time(&default.time)),
        ("features", fields.features.clone(), default.features.clone()),
        ("prediction", optional(&fields.prediction), optional(&default.prediction)),
    ];
    let other: Vec<String> = parts
        .iter()
        .filter(|(_, found, default)| found != default)
        .map(|(key, found, _)| format!("{key} = {}\n", quoted(found)))
        .collect();
    match other.is_empty() {
        true => String::new(),
        false => format!(
            "\n# Where the parts of an event are; empty: it has none.\n[input.fields]\n{}",
            other.concat()
        ),
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    Value::from(text.replace('$', "$$")).to_string()
}
