//! `demo`: the service on a broker inside this process, and a simulated stream whose drifts are known.
//!
//! A day of event time passes in the time that the user gives it; the same seed is the same stream and
//! the same drift events, however fast. The stream waits when the service falls behind, so that the
//! embedded broker, which keeps little, never drops what was not read. Nothing here shows
//! exactly-once: that broker only plays transactions.

mod score;
mod show;

use super::assembly::{Connection, Service, join};
use super::feed::Feed;
use super::output::OutputFormat;
use super::reference::ReferenceSender;
use super::run::watch_signals;
use super::times::now;
use super::{Outcome, Ran, Stop as Ended};
use crate::bus::{EmbeddedBroker, Publisher, Start};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::event::Value;
use crate::measure::sequential::tried;
use crate::observe::Stage;
use crate::policy::record::{DriftEvent, RetrainingTrigger, WindowReport};
use crate::reference::{Activation, BuildOptions, Origin, Profile, ProfileBuilder};
use crate::service::{Following, Stop};
use crate::simulate::{PREDICTION, Scenario, Simulator};
use crate::wire::Encoding;
use crate::words::{Name, Role, Time, parse_duration_ms};
use clap::Args;
use score::Score;
use show::Show;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

/// Partitions of the input.
const PARTITIONS: i32 = 4;
/// Events in a second of event time: 4,500 in a window.
const RATE: f64 = 1.25;
/// Rows of the reference.
const REFERENCE_ROWS: u64 = 20_000;
/// How long the service may take to start, or to get on.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where the page is served when the usual port is taken.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// How long to wait where nothing came.
const PAUSE: Duration = Duration::from_millis(20);

/// See it at work without Kafka: a simulated model that drifts, on a broker in this process
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    driftline demo\n  \
    driftline demo --for 20s --seed 7 --format json\n\n\
    The same seed gives the same drift events, however fast. Ctrl-C ends it early and shows what was seen.")]
pub(super) struct DemoArgs {
    /// How long the simulated day takes
    #[arg(long = "for", value_name = "TIME", value_parser = length, default_value = "60s", id = "length")]
    length: Duration,
    /// Another seed is another stream
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// How events, triggers and the result are written
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
    /// Keep the page up when the day is over, until Ctrl-C; on a terminal it is kept anyway
    #[arg(long)]
    stay: bool,
}

fn length(text: &str) -> Result<Duration, String> {
    match parse_duration_ms(text)? {
        ms @ 5_000..=86_400_000 => Ok(Duration::from_millis(ms.unsigned_abs())),
        _ => Err("the day takes 5s to 24h".into()),
    }
}

/// What the demo is made of.
struct Demo {
    simulator: Simulator,
    config: Config,
    connection: Connection,
    /// Seconds of event time in a second.
    speed: f64,
    stop: Stop,
    /// The end of the last window that all versions were judged in.
    judged: AtomicI64,
}

pub(super) fn run(args: &DemoArgs) -> Ran {
    let simulator = Simulator::new(Scenario { rate: RATE, ..Scenario::demo() }, args.seed)?;
    let day_ms = simulator.scenario().duration_ms.unwrap_or_default();
    let broker = EmbeddedBroker::start()?;
    let config = config(&broker, args.length)?;
    make_topics(&broker, &config)?;
    let connection = Connection::new(&config)?;
    let judged = AtomicI64::new(simulator.scenario().start.ms());
    let speed = day_ms as f64 / 1000.0 / args.length.as_secs_f64();
    let demo = Demo { simulator, config, connection, speed, stop: Stop::default(), judged };
    let mut show = Show::new(args.format, demo.simulator.scenario());
    show.introduce(speed, PARTITIONS)?;
    watch_signals(demo.stop.clone())?;
    let mut score = Score::new(demo.simulator.scenario());
    let service = Service::new(demo.config.clone(), true, demo.stop.clone())?;
    let server = service.serve(&[ANY_PORT])?;
    show.page(server.address())?;
    match demo.run(&service, &mut show, &mut score) {
        // Asked to stop before all had started: that is what was asked for.
        Err(Ended::Failed(error)) if error.is_retriable() && demo.stop.is_asked_by_user() => {}
        ran => ran?,
    }
    let judged = Time::from_ms(demo.judged.load(Ordering::Relaxed));
    show.result(args.seed, &score, judged, judged >= demo.last_end())?;
    if (args.stay || show.is_watched()) && !demo.stop.is_heard_from_user() {
        show.page_stays(server.address())?;
        while !demo.stop.is_heard_from_user() {
            std::thread::sleep(PAUSE);
        }
    }
    Ok(Outcome::Fine)
}

/// The demo's configuration, on this broker; it commits some hundred times in all.
fn config(broker: &EmbeddedBroker, length: Duration) -> Result<Config> {
    let interval_ms = (length.as_millis() / 300).clamp(50, 2000);
    let text = format!(
        "[kafka]\nbrokers = \"{}\"\napplication_id = \"driftline-demo\"\n[commit]\ninterval = \"{interval_ms}ms\"\n{}",
        broker.brokers(),
        include_str!("demo.toml")
    );
    Config::from_toml(&text, "the demo's configuration").map_err(Error::from)
}

fn make_topics(broker: &EmbeddedBroker, config: &Config) -> Result<()> {
    for input in &config.input.topics {
        broker.create_topic(input, PARTITIONS)?;
    }
    for topic in config.topic_specs(true) {
        broker.create_topic(&topic.name, topic.partitions.unwrap_or(1))?;
    }
    Ok(())
}

impl Demo {
    /// Runs the service and the stream side by side until both are through, or the stop is requested.
    fn run(&self, service: &Service, show: &mut Show, score: &mut Score) -> Result<(), Ended> {
        self.publish_reference()?;
        let stages = service.start(&[Stage::Sketch, Stage::Evaluate])?;
        let watched = std::thread::scope(|scope| {
            let feeder = scope.spawn(|| {
                let fed = self.wait_for(service).and_then(|()| self.feed());
                if fed.is_err() {
                    self.stop.request();
                }
                fed
            });
            let watched = self.watch(&feeder, show, score);
            self.stop.request();
            let fed = feeder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            watched.and(fed.map(drop).map_err(Ended::from))
        });
        // A stage that failed is why the others stopped.
        join(stages).map_err(Ended::from).and(watched)
    }

    /// One reference for both versions: rows without drift, from before the stream.
    fn publish_reference(&self) -> Result<()> {
        let scenario = self.simulator.scenario();
        let profile = reference(&self.simulator)?;
        let topic = &self.config.topics.references;
        let sender = ReferenceSender::new(&self.connection.kafka, topic, Encoding::Json)?;
        sender.profile(&scenario.model, &profile)?;
        for version in &scenario.versions {
            sender.activation(Activation {
                schema_version: 1,
                r#type: "reference_activation".into(),
                model: scenario.model.clone(),
                version: version.name.clone(),
                effective_from: Time::EPOCH,
                reference_id: profile.id().clone(),
                origin: Origin::Training,
                trigger_id: None,
                actor: "demo".into(),
                reason: None,
                published_at: now(),
            })?;
        }
        Ok(())
    }

    /// Waits until both stages have their partitions, so that the stream starts on time.
    fn wait_for(&self, service: &Service) -> Result<()> {
        let partitions = PARTITIONS.unsigned_abs() + self.config.topics.partitions;
        let started = Instant::now();
        while !self.stop.is_requested() {
            let said = service.health().readiness();
            if said.ready && said.assigned >= partitions as usize {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                return Err(Error::bus("the stages did not get their partitions within a minute"));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Publishes the stream by the clock. Where the service falls behind by more than an hour and three
    /// seconds of the clock, the stream waits: the embedded broker keeps no more than 5 MiB a partition.
    fn feed(&self) -> Result<u64> {
        let publisher = Publisher::new(&self.connection.kafka)?;
        let topic = &self.config.input.topics[0];
        let feed = Feed { publisher: &publisher, topic, speed: Some(self.speed), stop: &self.stop };
        let ahead_ms = 3_600_000 + (self.speed * 3000.0) as i64;
        feed.send(self.simulator.scenario().start, self.simulator.clone(), |time| {
            time.ms() - self.judged.load(Ordering::Relaxed) < ahead_ms
        })
    }

    /// Shows what the service publishes until it has judged all that was fed.
    fn watch(
        &self,
        feeder: &ScopedJoinHandle<'_, Result<u64>>,
        show: &mut Show,
        score: &mut Score,
    ) -> Result<(), Ended> {
        let (connection, output) = (&self.connection, &self.config.output);
        let mut reports: Following<WindowReport> = connection.follow(&output.reports, Start::Earliest)?;
        let mut events: Following<DriftEvent> = connection.follow(&output.events, Start::Earliest)?;
        let mut triggers: Following<RetrainingTrigger> =
            connection.follow(&output.triggers, Start::Earliest)?;
        let scenario = self.simulator.scenario();
        let start = scenario.start;
        let mut ends: BTreeMap<Name, Time> =
            scenario.versions.iter().map(|version| (version.name.clone(), start)).collect();
        let mut got_on = Instant::now();
        loop {
            // Looked at first: what was there then is shown before the end.
            let is_last = self.stop.is_requested();
            let judged = self.judged.load(Ordering::Relaxed);
            for report in reports.take()? {
                if let Some(end) = ends.get_mut(&report.version) {
                    *end = report.window.end.max(*end);
                }
            }
            for event in events.take()? {
                score.take(&event);
                show.event(&event)?;
            }
            for trigger in triggers.take()? {
                show.trigger(&trigger)?;
            }
            let end = ends.values().min().copied().unwrap_or(start);
            self.judged.store(end.ms(), Ordering::Relaxed);
            show.progress(end);
            if is_last || (feeder.is_finished() && end >= self.last_end()) {
                return Ok(());
            }
            if end.ms() > judged {
                got_on = Instant::now();
            } else if got_on.elapsed() > PATIENCE.max(self.pane_takes() * 4) {
                return Err(Error::bus("the service did not get on for a minute").into());
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The end of the last window that the stream closes: its own end is still open, as nothing comes
    /// after it.
    fn last_end(&self) -> Time {
        let scenario = self.simulator.scenario();
        let grid = self.config.window.grid;
        let open_ms = scenario.disorder_ms + self.config.window.allowed_lateness_ms;
        let closed = scenario.start.plus_ms(scenario.duration_ms.unwrap_or_default() - open_ms);
        grid.start(grid.pane_of(closed))
    }

    /// How long a pane takes by the clock.
    fn pane_takes(&self) -> Duration {
        Duration::from_secs_f64(self.config.window.grid.slide_ms() as f64 / 1000.0 / self.speed)
    }
}

/// The reference that the simulated model was trained on.
fn reference(simulator: &Simulator) -> Result<Profile> {
    let prediction = Name::from(PREDICTION);
    let roles = BTreeMap::from([(prediction.clone(), Role::Prediction)]);
    let mut builder = ProfileBuilder::new(BuildOptions { roles, ..BuildOptions::default() });
    for row in simulator.reference_rows(REFERENCE_ROWS) {
        let score = Value::Number(row.prediction);
        let features = row.features.iter().map(|(name, value)| (name, value));
        builder.push(features.chain([(&prediction, &score)]));
    }
    builder.finish_with(tried)
}
