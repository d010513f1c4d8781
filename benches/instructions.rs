//! A fixed piece of stage 1's work, to be counted in instructions: `instructions CASE EVENTS` reads so
//! many events and sketches them. Two counts differ by the events alone.

mod support;

use driftline::config::Config;
use driftline::engine::{Position, Sketcher, SketcherSettings, SourceState, Taken};
use driftline::event::{Decoder, Envelope, Format, Reader};
use driftline::words::Name;
use support::{NARROW, OneSchema, Shape, WIDE};

/// Events between two drains.
const COMMIT: usize = 50_000;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let (Some(case), Some(count)) = (args.next(), args.next()) else { return };
    let count: usize = count.parse().expect("a number of events");
    let (shape, is_avro) = match &*case {
        "json_25" => (WIDE, false),
        "json_5" => (NARROW, false),
        "avro_25" => (WIDE, true),
        "avro_5" => (NARROW, true),
        other => panic!("there is no case {other}"),
    };
    let distinct = count.min(2000);
    let (payloads, format): (Vec<Vec<u8>>, Format) = if is_avro {
        (shape.avro(2, distinct), Format::Avro { schemas: OneSchema::of(shape) })
    } else {
        (shape.json(2, distinct).into_iter().map(String::into_bytes).collect(), Format::Json)
    };
    let rows = run(shape, Reader::new(Decoder::new(format, Envelope::driftline())), &payloads, count);
    println!("{rows}");
}

fn settings() -> SketcherSettings {
    let mut config = Config::default().sketcher();
    config.models.insert(Name::from("fraud"), Config::default().unlisted_model("fraud"));
    config
}

fn run(shape: Shape, mut reader: Reader, payloads: &[Vec<u8>], count: usize) -> u64 {
    let references = shape.references();
    let mut sketcher = Sketcher::new(settings());
    let source = ("in".into(), 0);
    sketcher.assign(Position { source, next_offset: 0, state: SourceState::default() });
    let source = sketcher.source("in", 0);
    let mut rows = 0;
    for number in 0..count {
        let payload = &payloads[number % payloads.len()];
        let row = reader.read(Some(payload), None, None).expect("the event is good");
        let taken = sketcher.take(source, number as i64, None, Ok(row), &references);
        assert_eq!(taken, Taken::Counted);
        if number % COMMIT == COMMIT - 1 {
            rows += drain(&mut sketcher);
        }
    }
    rows + drain(&mut sketcher)
}

fn drain(sketcher: &mut Sketcher) -> u64 {
    sketcher.drain().deltas.into_iter().map(|delta| delta.into_delta().data.flow.events).sum()
}
