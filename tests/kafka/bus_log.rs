//! A log is read exactly to its end, whatever stands there.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use driftline::bus::{
    CatchUp, Follower, From, LogReader, Outcome, Progress, Record, TopicAdmin, TopicPartition, Until,
};
use driftline::error::{ErrorKind, Result};

use crate::bus_support::*;

fn read(partition: &TopicPartition, from: From, until: Until) -> Result<Vec<String>> {
    let mut reader = LogReader::new(&settings("", &[])).unwrap();
    read_with(&mut reader, partition, from, until)
}

fn read_with(
    reader: &mut LogReader,
    partition: &TopicPartition,
    from: From,
    until: Until,
) -> Result<Vec<String>> {
    let mut values = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    let mut on_record = |record: &Record<'_>| {
        values.push(text(record.payload()));
        Ok(())
    };
    let outcome = reader.read(partition, from, until, &mut on_record, &mut |_| keep_going_until(deadline))?;
    assert_eq!(outcome, Outcome::Complete);
    Ok(values)
}

#[test]
fn an_empty_log_and_a_log_of_only_aborted_records_are_read_at_once() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    assert!(read_all(&partition).is_empty());
    let mut producer = producer();
    for _ in 0..3 {
        producer.begin().unwrap();
        send(&producer, &partition, &["dropped"]);
        // Only a record that reached the broker leaves a marker when it is aborted.
        producer.abort(&always).unwrap();
    }
    assert!(read_all(&partition).is_empty());
}

#[test]
fn a_tail_of_markers_and_aborted_records_does_not_hold_the_reader() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    let mut producer = producer();
    write(&mut producer, &partition, &["a", "b"]);
    assert_eq!(read_all(&partition), ["a", "b"]);
    let settings = settings("", &[]);
    let offsets =
        driftline::bus::OffsetReader::new(&settings, driftline::bus::Isolation::Uncommitted).unwrap();
    producer.begin().unwrap();
    send(&producer, &partition, &["dropped"]);
    while offsets.ends(std::slice::from_ref(&partition)).unwrap()[0] < 4 {
        std::thread::sleep(Duration::from_millis(10));
    }
    producer.abort(&always).unwrap();
    let started = Instant::now();
    assert_eq!(read_all(&partition), ["a", "b"]);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn an_open_transaction_is_waited_for_and_told_and_its_end_decides() {
    for aborts in [true, false] {
        let partition = TopicPartition::new(topic(1, &[]), 0);
        let mut done = producer();
        write(&mut done, &partition, &["a"]);
        let mut open = producer();
        open.begin().unwrap();
        send(&open, &partition, &["open"]);
        let settings = settings("", &[]);
        let offsets =
            driftline::bus::OffsetReader::new(&settings, driftline::bus::Isolation::Uncommitted).unwrap();
        while offsets.ends(std::slice::from_ref(&partition)).unwrap()[0] < 3 {
            std::thread::sleep(Duration::from_millis(10));
        }
        write(&mut done, &partition, &["b"]);
        let mut values = Vec::new();
        let mut open = Some(open);
        let mut waited = 0;
        let mut on_progress = |progress: &Progress| {
            waited += usize::from(progress.waiting_for_transaction);
            // Ends only after the reader has said more than once that it waits.
            if waited >= 3
                && let Some(mut open) = open.take()
            {
                if aborts { open.abort(&always).unwrap() } else { commit(&mut open) }
            }
            ControlFlow::Continue(())
        };
        let mut on_record = |record: &Record<'_>| {
            values.push(text(record.payload()));
            Ok(())
        };
        let mut reader = LogReader::new(&settings).unwrap();
        let outcome = reader.read(&partition, From::Beginning, Until::End, &mut on_record, &mut on_progress);
        assert_eq!(outcome.unwrap(), Outcome::Complete);
        assert!(waited >= 3);
        let expected: &[&str] = if aborts { &["a", "b"] } else { &["a", "open", "b"] };
        assert_eq!(values, expected);
    }
}

#[test]
fn a_reader_can_be_stopped_while_it_waits() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    let mut open = producer();
    open.begin().unwrap();
    send(&open, &partition, &["open"]);
    let settings = settings("", &[]);
    let offsets =
        driftline::bus::OffsetReader::new(&settings, driftline::bus::Isolation::Uncommitted).unwrap();
    while offsets.ends(std::slice::from_ref(&partition)).unwrap()[0] < 1 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut reader = LogReader::new(&settings).unwrap();
    let outcome = reader.read(&partition, From::Beginning, Until::End, &mut |_| Ok(()), &mut |progress| {
        assert_eq!(progress.remaining, 1);
        if progress.waiting_for_transaction { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(outcome.unwrap(), Outcome::Stopped);
    open.abort(&always).unwrap();
}

#[test]
fn a_part_of_a_log_is_read_without_the_record_at_its_end_and_again_by_the_same_reader() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    let mut producer = producer();
    write(&mut producer, &partition, &["0", "1", "2", "3"]);
    write(&mut producer, &partition, &["5", "6"]);
    let mut reader = LogReader::new(&settings("", &[])).unwrap();
    for _ in 0..3 {
        let part = read_with(&mut reader, &partition, From::Offset(1), Until::Offset(3)).unwrap();
        assert_eq!(part, ["1", "2"]);
        // Offset 4 is the marker of the first transaction.
        assert_eq!(read_with(&mut reader, &partition, From::Offset(4), Until::Offset(6)).unwrap(), ["5"]);
        assert_eq!(read_with(&mut reader, &partition, From::Offset(4), Until::Offset(5)).unwrap().len(), 0);
        assert_eq!(read_with(&mut reader, &partition, From::Beginning, Until::End).unwrap().len(), 6);
    }
}

#[test]
fn records_that_are_needed_and_gone_are_an_error_that_says_which() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    write(&mut producer(), &partition, &["0", "1", "2", "3"]);
    TopicAdmin::new(&settings("", &[])).unwrap().delete_records(&partition, 2).unwrap();
    assert_eq!(read_all(&partition), ["2", "3"]);
    let trimmed = read(&partition, From::Offset(1), Until::End).unwrap_err();
    assert_eq!(trimmed.kind(), ErrorKind::State);
    assert!(trimmed.to_string().contains("1 to 5 are needed, but there are only 2 to 5"), "{trimmed}");
    let past = read(&partition, From::Offset(2), Until::Offset(9)).unwrap_err();
    assert!(past.to_string().contains(&partition.to_string()), "{past}");
}

#[test]
fn a_compacted_log_is_read_over_its_gaps() {
    let config = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.0"),
        ("delete.retention.ms", "0"),
    ];
    let partition = TopicPartition::new(topic(1, &config), 0);
    let mut producer = producer();
    let deadline = Instant::now() + PATIENCE;
    // Each write rolls a segment, and what was written before can then be compacted.
    loop {
        write(&mut producer, &partition, &["same", "same", "other"]);
        std::thread::sleep(Duration::from_millis(300));
        let values = read_all(&partition);
        let end =
            driftline::bus::OffsetReader::new(&settings("", &[]), driftline::bus::Isolation::Uncommitted)
                .unwrap()
                .ends(std::slice::from_ref(&partition))
                .unwrap()[0];
        assert_eq!(values.last().map(String::as_str), Some("other"));
        // Four offsets a write, of which one is a marker.
        if (values.len() as i64) < end * 3 / 4 {
            break;
        }
        assert!(Instant::now() < deadline, "nothing was compacted");
    }
}

#[test]
fn a_follower_proves_that_it_has_read_to_the_end_and_yields_what_is_new() {
    let topic = topic(3, &[]);
    let partition = |number| TopicPartition::new(topic.as_str(), number);
    let mut producer = producer();
    write(&mut producer, &partition(0), &["a"]);
    write(&mut producer, &partition(2), &["b"]);
    let mut follower = Follower::open(&settings("", &[]), &topic).unwrap();
    let mut catch_up = |timeout: Duration| {
        let mut values = Vec::new();
        let mut on_record = |record: &Record<'_>| {
            values.push(text(record.payload()));
            Ok(())
        };
        let caught = follower.catch_up(timeout, &mut on_record).unwrap();
        values.sort();
        (caught, values)
    };
    assert_eq!(catch_up(PATIENCE), (CatchUp::ReadToEnd, vec!["a".into(), "b".into()]));
    let started = Instant::now();
    for _ in 0..20 {
        assert_eq!(catch_up(PATIENCE), (CatchUp::ReadToEnd, vec![]));
    }
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    write(&mut producer, &partition(1), &["c"]);
    assert_eq!(catch_up(PATIENCE), (CatchUp::ReadToEnd, vec!["c".into()]));

    producer.begin().unwrap();
    send(&producer, &partition(1), &["d"]);
    let (behind, values) = loop {
        match catch_up(Duration::from_secs(1)) {
            // The record has not reached the broker yet.
            (CatchUp::ReadToEnd, values) => assert!(values.is_empty()),
            behind => break behind,
        }
    };
    let expected = CatchUp::Behind { remaining: 1, waiting_for_transaction: true, trouble: None };
    assert_eq!((behind, values), (expected, vec![]));
    commit(&mut producer);
    assert_eq!(catch_up(PATIENCE), (CatchUp::ReadToEnd, vec!["d".into()]));
}

#[test]
fn a_follower_of_a_missing_topic_says_so() {
    let error = Follower::open(&settings("", &[]), &unique("none")).err().unwrap();
    assert!(error.to_string().contains("no such topic"), "{error}");
}
