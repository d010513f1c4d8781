//! Stage 1: events to deltas.
//!
//! Late is decided here, record by record, against the watermark of the record's own partition as it
//! stood before the record. State that outlives a commit is [`SourceState`] alone; it travels in the
//! metadata of the committed offset, so that an abort or a move to another instance puts it back.

use super::buffer::{Buffer, Gathered, Look};
use super::delta::Progress;
use crate::event::{BadReason, BadRecord, Row};
use crate::policy::{Early, ModelSettings};
use crate::reference::{CoarseCells, FeatureProfile, ReferenceId, References};
use crate::window::{PartitionProgress, Source};
use crate::words::{Grid, ModelKey, Name, Pane, Time, fits_pattern};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What becomes of events of models that are not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownModels {
    /// They are counted as unrouted.
    Count,
    /// They are monitored with the default settings.
    Monitor,
    /// They go to the dead letters.
    DeadLetter,
}

/// How stage 1 works.
#[derive(Debug, Clone)]
pub struct SketcherSettings {
    /// Panes and looks.
    pub grid: Grid,
    /// How long an event may come after a later one and still count, in milliseconds.
    pub allowed_lateness_ms: i64,
    /// How far an event time may be ahead of its record's timestamp, in milliseconds.
    pub max_future_skew_ms: i64,
    /// What becomes of models that are not listed.
    pub unknown_models: UnknownModels,
    /// With [`UnknownModels::Monitor`]: which names, as patterns with `*`.
    pub allow: Vec<String>,
    /// Whether columns that the reference does not have are kept by name.
    pub report_unknown_features: bool,
    /// Most names of unseen categories kept for a feature and pane.
    pub unseen_cap: usize,
    /// The listed models.
    pub models: BTreeMap<Name, ModelSettings>,
    /// The settings of all others, where they are monitored.
    pub unlisted: ModelSettings,
    /// The segment pointers of all models, in the order of [`crate::event::Event::segment`].
    pub segment_pointers: Vec<String>,
}

/// What stage 1 knows of an input partition across commits; the metadata of its committed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceState {
    /// The largest event time seen, in milliseconds since the epoch.
    pub max_time_ms: Option<i64>,
    /// Rows of models that are not monitored, since the partition was first read.
    pub unrouted: u64,
    /// Records that the input lost, and that no pane has been told of yet.
    #[serde(default)]
    pub lost: u64,
}

impl SketcherSettings {
    /// The settings of a model, listed or not.
    fn model(&self, name: &str) -> &ModelSettings {
        self.models.get(name).unwrap_or(&self.unlisted)
    }
}

impl SourceState {
    /// The metadata string of a committed offset.
    pub fn to_metadata(self) -> String {
        serde_json::to_string(&self).expect("numbers are always JSON")
    }

    /// What a metadata string says; nothing when it is not ours.
    pub fn from_metadata(metadata: &str) -> SourceState {
        serde_json::from_str(metadata).unwrap_or_default()
    }

    /// The partition's watermark: the largest event time less the allowed lateness.
    pub fn watermark(self, allowed_lateness_ms: i64) -> Option<Time> {
        self.max_time_ms.map(|ms| Time::from_ms(ms).plus_ms(-allowed_lateness_ms))
    }
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// Its row is in a pane.
    Counted,
    /// It came after its pane's end had passed its own partition's watermark.
    Late {
        /// Its model.
        model: Name,
    },
    /// Its model is not monitored.
    Unrouted {
        /// The model it named.
        model: Name,
    },
    /// It goes to the dead letters.
    Bad(BadRecord),
}

/// The next offset of a partition, with its state as of there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub source: Source,
    /// The next offset to read.
    pub next_offset: i64,
    /// State to commit with it.
    pub state: SourceState,
}

/// What a commit sends.
#[derive(Debug)]
pub struct Drained {
    /// Contributions to panes, ascending by key, pane and reference.
    pub deltas: Vec<Gathered>,
    /// How far the partitions have come, when stage 2 should hear it.
    pub progress: Option<Progress>,
    /// Partitions whose offset moved since the last commit.
    pub positions: Vec<Position>,
}

impl Drained {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.deltas.is_empty() && self.progress.is_none() && self.positions.is_empty()
    }
}

/// Stage 1 of an instance.
#[derive(Debug)]
pub struct Sketcher {
    settings: SketcherSettings,
    segment_positions: HashMap<Name, Vec<usize>>,
    topics: Vec<(Name, i32)>,
    pub(super) sources: Vec<InputPartition>,
    /// Model keys seen since the last commit, with their rows.
    routes: Vec<Route>,
    /// Places in `routes` by model and version.
    known_routes: HashMap<Name, HashMap<Name, Vec<usize>>>,
    last_route: usize,
    pub(super) closed: Vec<Gathered>,
    coarse: CoarseBook,
    buffered_features: usize,
    generation: u64,
    announce: bool,
}

/// The coarse cells of references' features, where early sight is on, made once.
type CoarseBook = HashMap<(ReferenceId, Early), Arc<[Option<CoarseCells>]>>;

#[derive(Debug)]
struct Route {
    key: ModelKey,
    /// Where the values of the key's segment stand among those of a row.
    segment_at: Vec<usize>,
    early: Early,
    /// Open panes, and the looks of the rows that are in one: few, the usual one last.
    buffers: Vec<(Slot, Buffer)>,
}

type Slot = (Pane, Option<i64>);

impl Route {
    fn fits(&self, row: &Row<'_>) -> bool {
        let ModelKey { model, version, segment } = &self.key;
        row.is_of(model, version, self.segment_at.iter().copied().zip(segment.iter().map(|value| &**value)))
    }
}

#[derive(Debug)]
pub(super) struct InputPartition {
    pub source: Source,
    pub next_offset: i64,
    pub state: SourceState,
    pub moved: bool,
    idle: bool,
    told_look: Option<i64>,
    /// Records taken since some were lost, until panes are told.
    pub since_loss: u64,
}

impl Sketcher {
    /// A stage 1 that owns no partition yet.
    pub fn new(settings: SketcherSettings) -> Self {
        let position = |pointer: &String| settings.segment_pointers.iter().position(|known| known == pointer);
        let positions =
            |model: &ModelSettings| model.segments.iter().filter_map(position).collect::<Vec<usize>>();
        let segment_positions =
            settings.models.iter().map(|(name, model)| (name.clone(), positions(model))).collect();
        Sketcher {
            settings,
            segment_positions,
            topics: Vec::new(),
            sources: Vec::new(),
            routes: Vec::new(),
            known_routes: HashMap::new(),
            last_route: 0,
            closed: Vec::new(),
            coarse: CoarseBook::default(),
            buffered_features: 0,
            generation: 0,
            announce: false,
        }
    }

    /// Learns the input topics and how many partitions each has.
    pub fn set_topics(&mut self, topics: Vec<(Name, i32)>) {
        if self.topics != topics {
            self.topics = topics;
            self.announce = true;
        }
    }

    /// Takes over a partition from a committed position.
    pub fn assign(&mut self, position: Position) {
        let Position { source, next_offset, state } = position;
        let (moved, idle, told_look, since_loss) = Default::default();
        let taken = InputPartition { source, next_offset, state, moved, idle, told_look, since_loss };
        // Buffers name sources by their place here, which must stay.
        match self.sources.iter_mut().find(|known| known.source == taken.source) {
            Some(known) => *known = taken,
            None => self.sources.push(taken),
        }
        self.announce = true;
    }

    /// Lets all partitions go and forgets what was not committed.
    pub fn clear(&mut self) {
        self.sources.clear();
        self.forget_rows();
    }

    /// The partitions it owns.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().map(|known| &known.source)
    }

    /// Says whether a partition is idle. A claim is told to stage 2 with each call, so that it is
    /// renewed; taking it back is told once.
    pub fn set_idle(&mut self, source: &Source, idle: bool) {
        if let Some(known) = self.sources.iter_mut().find(|known| known.source == *source) {
            self.announce |= idle || known.idle;
            known.idle = idle;
        }
    }

    /// Accumulators that wait to be drained: commit early when there are too many.
    pub fn buffered_features(&self) -> usize {
        self.buffered_features
    }

    /// The number of a partition that is assigned, until partitions are assigned or let go.
    pub fn source(&self, topic: &str, partition: i32) -> usize {
        let is = |known: &InputPartition| known.source.1 == partition && *known.source.0 == *topic;
        self.sources.iter().position(is).expect("a record of a partition that is assigned")
    }

    /// Takes one record of the partition of this number: decoded, or why it could not be. Offsets
    /// that were taken before are a mistake of the caller.
    pub fn take(
        &mut self,
        source: usize,
        offset: i64,
        record_time: Option<Time>,
        decoded: Result<Row<'_>, BadRecord>,
        references: &References,
    ) -> Taken {
        let known = &mut self.sources[source];
        assert!(offset >= known.next_offset, "offset {offset} of {:?} was taken before", known.source);
        known.next_offset = offset + 1;
        known.moved = true;
        known.since_loss += u64::from(known.state.lost > 0);
        // A partition that wakes holds the watermark again: stage 2 must hear it.
        self.announce |= std::mem::take(&mut known.idle);
        match decoded.and_then(|row| believe(row, record_time, self.settings.max_future_skew_ms)) {
            Ok(row) => self.take_row(source, offset, &row, references),
            Err(bad) => Taken::Bad(bad),
        }
    }

    /// Everything since the last commit. Stage 2 hears of progress when a watermark passed the end
    /// of a look, a claim is due, or ownership or the set of partitions changed.
    pub fn drain(&mut self) -> Drained {
        self.close();
        self.share_losses();
        let deltas = Gathered::join(std::mem::take(&mut self.closed));
        self.forget_rows();

        let (grid, lateness) = (self.settings.grid, self.settings.allowed_lateness_ms);
        let mut due = std::mem::take(&mut self.announce);
        for known in &mut self.sources {
            let look = known.state.watermark(lateness).map(|watermark| grid.look_of(watermark));
            due |= look != known.told_look;
            known.told_look = look;
        }
        let positions = self.in_order().filter(|known| known.moved).map(InputPartition::position).collect();
        let progress = due.then(|| Progress {
            topics: self.topics.clone(),
            partitions: self.in_order().map(|known| known.progress(lateness)).collect(),
        });
        self.sources.iter_mut().for_each(|known| known.moved = false);
        Drained { deltas, progress, positions }
    }

    /// All partitions with their positions, committed or not.
    pub fn positions(&self) -> Vec<Position> {
        self.in_order().map(InputPartition::position).collect()
    }

    fn in_order(&self) -> impl Iterator<Item = &InputPartition> {
        let mut sources: Vec<&InputPartition> = self.sources.iter().collect();
        sources.sort_by(|a, b| a.source.cmp(&b.source));
        sources.into_iter()
    }

    fn forget_rows(&mut self) {
        self.routes.clear();
        self.known_routes.clear();
        self.closed.clear();
        self.buffered_features = 0;
    }

    /// Ends all buffers.
    fn close(&mut self) {
        for Route { key, early, buffers, .. } in &mut self.routes {
            for ((pane, look), buffer) in buffers.drain(..) {
                let look = look.zip(buffer.profile()).map(|(number, profile)| {
                    let of =
                        |feature: &FeatureProfile| early.is_on(feature).then(|| CoarseCells::of(feature));
                    let make = || profile.features().iter().map(of).collect();
                    let cells = self.coarse.entry((profile.id().clone(), *early)).or_insert_with(make);
                    Look { number, cells: cells.clone() }
                });
                let sources = self.sources.iter().map(|known| &known.source);
                self.closed.push(buffer.close(key.clone(), pane, look, sources));
            }
        }
    }

    fn take_row(&mut self, at: usize, offset: i64, row: &Row<'_>, references: &References) -> Taken {
        let known = &mut self.sources[at];
        let before = known.state.watermark(self.settings.allowed_lateness_ms);
        known.state.max_time_ms = known.state.max_time_ms.max(Some(row.time().ms()));
        match self.route(row) {
            Routed::Unknown => {
                self.sources[at].state.unrouted += 1;
                Taken::Unrouted { model: row.model().into() }
            }
            Routed::Refused => Taken::Bad(BadRecord {
                reason: BadReason::UnknownModel,
                message: "the event's model is not monitored".into(),
            }),
            Routed::To(route) => {
                let grid = self.settings.grid;
                let pane = grid.pane_of(row.time());
                let late_in =
                    before.filter(|watermark| grid.end(pane) <= *watermark).map(|w| grid.pane_of(w));
                // A look that the watermark has passed is taken without the row; its pane is not.
                let look = grid.look_of(row.time());
                let is_early = self.routes[route].early != Early::Off
                    && before.is_none_or(|watermark| grid.look_end(look) > watermark);
                let slot = (late_in.unwrap_or(pane), Some(look).filter(|_| is_early));
                let follows_loss = self.sources[at].state.lost > 0;
                let buffer = self.buffer(route, slot, references);
                if follows_loss {
                    buffer.follow_loss(at);
                }
                if late_in.is_some() {
                    buffer.data.flow.late += 1;
                    return Taken::Late { model: self.routes[route].key.model.clone() };
                }
                buffer.push(row, at, offset);
                Taken::Counted
            }
        }
    }

    fn route(&mut self, row: &Row<'_>) -> Routed {
        if self.routes.get(self.last_route).is_some_and(|route| route.fits(row)) {
            return Routed::To(self.last_route);
        }
        let (model, version) = (row.model(), row.version());
        let known = self.known_routes.get(model).and_then(|versions| versions.get(version));
        let fitting = known.into_iter().flatten().find(|route| self.routes[**route].fits(row));
        if let Some(route) = fitting {
            self.last_route = *route;
            return Routed::To(*route);
        }
        if !self.settings.models.contains_key(model) {
            match self.settings.unknown_models {
                UnknownModels::Monitor
                    if self.settings.allow.iter().any(|pattern| fits_pattern(pattern, model)) => {}
                UnknownModels::DeadLetter => return Routed::Refused,
                UnknownModels::Monitor | UnknownModels::Count => return Routed::Unknown,
            }
        }
        self.last_route = self.add_route(row);
        Routed::To(self.last_route)
    }

    fn add_route(&mut self, row: &Row<'_>) -> usize {
        let segment_at = self.segment_positions.get(row.model()).cloned().unwrap_or_default();
        let segment = segment_at.iter().map(|at| row.segment(*at).into()).collect();
        let key = ModelKey { model: row.model().into(), version: row.version().into(), segment };
        let versions = self.known_routes.entry(key.model.clone()).or_default();
        versions.entry(key.version.clone()).or_default().push(self.routes.len());
        let early = self.settings.model(&key.model).policy.early;
        self.routes.push(Route { key, segment_at, early, buffers: Vec::new() });
        self.routes.len() - 1
    }

    /// The buffer of a pane and look, by the reference that holds for it now.
    fn buffer(&mut self, route: usize, slot: Slot, references: &References) -> &mut Buffer {
        if self.generation != references.generation() {
            // A reference came since: rows counted by another one go as a delta of their own.
            self.generation = references.generation();
            self.close();
            self.coarse.clear();
        }
        let Route { key, buffers, .. } = &mut self.routes[route];
        let at = buffers.iter().rposition(|(open, _)| *open == slot).unwrap_or_else(|| {
            let model = self.settings.model(&key.model);
            let start = self.settings.grid.start(slot.0);
            let held = references.resolve(&key.model, &key.version, start, model.inherits());
            let buffer = Buffer::new(held.map(|held| held.profile), model.gathers(), &self.settings);
            self.buffered_features += buffer.weight();
            buffers.push((slot, buffer));
            buffers.len() - 1
        });
        &mut buffers[at].1
    }
}

enum Routed {
    /// To the route of this number.
    To(usize),
    Unknown,
    Refused,
}

impl InputPartition {
    fn position(&self) -> Position {
        Position { source: self.source.clone(), next_offset: self.next_offset, state: self.state }
    }

    fn progress(&self, lateness_ms: i64) -> PartitionProgress {
        PartitionProgress {
            topic: self.source.0.clone(),
            partition: self.source.1,
            watermark: self.state.watermark(lateness_ms),
            next_offset: self.next_offset,
            idle: self.idle,
        }
    }
}

/// Refuses an event time that is further ahead of its record's timestamp than is believed.
fn believe(row: Row<'_>, record_time: Option<Time>, skew_ms: i64) -> Result<Row<'_>, BadRecord> {
    match record_time {
        Some(record_time) if row.time().since_ms(record_time) > skew_ms => Err(BadRecord {
            reason: BadReason::FutureTime,
            message: format!(
                "event time {} is more than max_future_skew ({skew_ms} ms) after the record's timestamp {record_time}",
                row.time()
            ),
        }),
        _ => Ok(row),
    }
}
