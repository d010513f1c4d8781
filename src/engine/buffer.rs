//! Rows of one pane of a model key, between two commits: what a delta is made of.

use super::delta::Delta;
use super::sketcher::SketcherSettings;
use crate::event::{Cell, Columns, Row};
use crate::reference::{CoarseCells, FeatureProfile, Profile, ReferenceId};
use crate::sketch::{Accumulator, Census, Counted, category_name};
use crate::window::{OffsetRange, PaneData, Source};
use crate::words::{Kind, ModelKey, Name, Pane};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows of one pane of a model key, by one reference, since the last commit.
#[derive(Debug)]
pub(super) struct Buffer {
    profile: Option<Arc<Profile>>,
    report_unknown: bool,
    pub data: PaneData,
    features: Vec<Accumulator>,
    /// Offsets of the counted rows, by the number of their source.
    offsets: Vec<Option<OffsetRange>>,
    /// Rows that were read after their source lost some, by the number of the source.
    after_loss: BTreeMap<usize, u64>,
    /// The numbering of columns that `places` goes by.
    numbering: Option<u64>,
    /// What becomes of each column.
    places: Vec<Place>,
    /// Columns that the profile does not have, with their rows.
    unknown: Vec<(Name, u64)>,
    /// Where values are gathered for a reference to come: the kinds that are said.
    gathers: Option<BTreeMap<Name, Kind>>,
    /// Columns that are gathered, with their kinds.
    gathered: Vec<(Name, Option<Kind>, Census)>,
}

/// What becomes of a column.
#[derive(Debug, Clone, Copy)]
enum Place {
    Number(usize),
    Category(usize),
    Unknown(usize),
    Gathered(usize),
    Ignored,
}

impl Buffer {
    /// An empty buffer for rows counted by `profile`; without one their values are gathered where
    /// `gathers` says kinds.
    pub fn new(
        profile: Option<Arc<Profile>>,
        gathers: Option<BTreeMap<Name, Kind>>,
        settings: &SketcherSettings,
    ) -> Self {
        let of = |feature: &FeatureProfile| {
            Accumulator::new(feature.kind, feature.basis.clone(), settings.unseen_cap)
        };
        let features = profile.iter().flat_map(|profile| profile.features()).map(of).collect();
        Buffer {
            gathers: gathers.filter(|_| profile.is_none()),
            gathered: Vec::new(),
            profile,
            report_unknown: settings.report_unknown_features,
            data: PaneData::default(),
            features,
            offsets: Vec::new(),
            after_loss: BTreeMap::new(),
            numbering: None,
            places: Vec::new(),
            unknown: Vec::new(),
        }
    }

    /// The reference that it counts by.
    pub fn profile(&self) -> Option<&Arc<Profile>> {
        self.profile.as_ref()
    }

    /// How many accumulators it holds, and one for itself.
    pub fn weight(&self) -> usize {
        self.features.len() + 1
    }

    /// Counts a row, which stands at `offset` of the source of this number.
    pub fn push(&mut self, row: &Row<'_>, source: usize, offset: i64) {
        self.data.flow.events += 1;
        self.widen(source, OffsetRange::of(offset));
        if self.profile.is_none() && self.gathers.is_none() {
            return;
        }
        if self.numbering != Some(row.columns().numbering()) {
            self.numbering = Some(row.columns().numbering());
            self.places.clear();
            self.name_columns();
        }
        for (number, cell) in row.cells() {
            let number = *number as usize;
            if self.places.len() <= number {
                self.learn(row.columns(), number);
            }
            match (self.places[number], *cell) {
                (Place::Number(at), Cell::Number(number)) => self.features[at].push_number(number),
                (Place::Category(at), Cell::Text(text)) => self.features[at].push_text(row.bytes(text)),
                (Place::Number(at) | Place::Category(at), cell) => self.features[at].push(&row.value(cell)),
                (Place::Unknown(at), _) => self.unknown[at].1 += 1,
                (Place::Gathered(at), cell) => {
                    let (_, kind, census) = &mut self.gathered[at];
                    census.add(&row.value(cell), *kind);
                }
                (Place::Ignored, _) => {}
            }
        }
    }

    /// Notes that a row was read after the source of this number lost some.
    pub fn follow_loss(&mut self, source: usize) {
        *self.after_loss.entry(source).or_default() += 1;
    }

    fn widen(&mut self, source: usize, range: OffsetRange) {
        if self.offsets.len() <= source {
            self.offsets.resize(source + 1, None);
        }
        match &mut self.offsets[source] {
            Some(known) => known.widen(range),
            unknown => *unknown = Some(range),
        }
    }

    /// Finds the places of all columns up to `number`.
    #[cold]
    fn learn(&mut self, columns: &Columns, number: usize) {
        for number in self.places.len()..=number {
            let name = columns.name(number as u32);
            let position = self.profile.as_ref().and_then(|profile| profile.position(name));
            self.places.push(match position {
                Some(at) if self.features[at].kind().is_numeric() => Place::Number(at),
                Some(at) => Place::Category(at),
                None if self.gathers.is_some() => {
                    let kind = self.gathers.as_ref().and_then(|kinds| kinds.get(name)).copied();
                    self.gathered.push((name.clone(), kind, Census::default()));
                    Place::Gathered(self.gathered.len() - 1)
                }
                None if self.report_unknown => {
                    self.unknown.push((name.clone(), 0));
                    Place::Unknown(self.unknown.len() - 1)
                }
                None => Place::Ignored,
            });
        }
    }

    /// Counts unknown columns by name, of which few are kept, and those that are gathered.
    fn name_columns(&mut self) {
        let counted = self.unknown.drain(..).filter(|(_, rows)| *rows > 0);
        counted.for_each(|(name, rows)| self.data.unknown.add(&category_name(&name), rows));
        for (name, _, census) in self.gathered.drain(..).filter(|(_, _, census)| census.rows() > 0) {
            self.data.census.entry(name).or_default().merge(&census);
        }
    }

    /// Ends it, with its sources named in the order of their numbers; its rows count for `look`, too.
    pub fn close<'s>(
        mut self,
        key: ModelKey,
        pane: Pane,
        look: Option<Look>,
        sources: impl Iterator<Item = &'s Source>,
    ) -> Gathered {
        self.name_columns();
        let ranges = sources.zip(self.offsets.drain(..));
        self.data.offsets = ranges.filter_map(|(source, range)| Some((source.clone(), range?))).collect();
        Gathered { key, pane, parts: vec![(look, self)] }
    }

    /// What its rows contribute to their pane, to the look by coarse cell too, and beside it their values,
    /// feature by feature.
    fn count(self, look: Option<Look>) -> (PaneData, Vec<Counted>) {
        let mut data = self.data;
        let rows = data.flow.events;
        let count = |mut feature: Accumulator| {
            feature.push_missing(rows - feature.rows());
            feature.count()
        };
        let features: Vec<Counted> = self.features.into_iter().map(count).collect();
        if let Some(Look { number, cells }) = look.filter(|_| !features.is_empty()) {
            let counts = |(counted, cells): (&Counted, &Option<CoarseCells>)| {
                cells.as_ref().map(|cells| cells.count(counted.tally())).unwrap_or_default()
            };
            data.looks.insert(number, features.iter().zip(&*cells).map(counts).collect());
        }
        (data, features)
    }
}

/// A look, and the coarse cells that the features with early sight are counted in there.
#[derive(Debug)]
pub(super) struct Look {
    pub number: i64,
    pub cells: Arc<[Option<CoarseCells>]>,
}

/// The rows of one pane of a model key between two commits: a delta that is yet to be made of them,
/// which takes longer than to gather the next ones can wait.
#[derive(Debug)]
pub struct Gathered {
    key: ModelKey,
    pane: Pane,
    /// The rows by look, and those that count for none.
    parts: Vec<(Option<Look>, Buffer)>,
}

impl Gathered {
    /// The profile by which the rows were counted.
    pub fn profile(&self) -> Option<&Arc<Profile>> {
        self.parts[0].1.profile()
    }

    /// Rows that were read after the source of this number lost some, and where to say how many.
    pub(super) fn after_loss(&mut self, source: usize) -> impl Iterator<Item = (u64, &mut u64)> {
        let buffers = self.parts.iter_mut().map(|(_, buffer)| buffer);
        buffers.filter_map(move |buffer| Some((*buffer.after_loss.get(&source)?, &mut buffer.data.flow.lost)))
    }

    /// What was gathered, in order, with what is of one pane and reference as one.
    pub(super) fn join(mut all: Vec<Gathered>) -> Vec<Gathered> {
        let look = |gathered: &Gathered| gathered.parts[0].0.as_ref().map(|look| look.number);
        all.sort_by(|a, b| (a.target(), look(a)).cmp(&(b.target(), look(b))));
        let mut joined: Vec<Gathered> = Vec::with_capacity(all.len());
        for gathered in all {
            match joined.last_mut() {
                Some(last) if last.target() == gathered.target() => last.parts.extend(gathered.parts),
                _ => joined.push(gathered),
            }
        }
        joined
    }

    fn target(&self) -> (&ModelKey, Pane, Option<&ReferenceId>) {
        (&self.key, self.pane, self.profile().map(|profile| profile.id()))
    }

    /// What the rows contribute to their pane.
    pub fn into_delta(self) -> Delta {
        let Gathered { key, pane, parts } = self;
        let reference = parts[0].1.profile().map(|profile| profile.id().clone());
        let counted = parts.into_iter().map(|(look, buffer)| buffer.count(look));
        let joined = counted.reduce(|(mut data, mut features), (part, others)| {
            data.merge(&part);
            features.iter_mut().zip(others).for_each(|(mine, theirs)| mine.merge(theirs));
            (data, features)
        });
        let (mut data, features) = joined.unwrap_or_default();
        data.features = features.into_iter().map(Counted::finish).collect();
        Delta { key, pane, reference, data }
    }
}
