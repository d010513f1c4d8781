//! The slots of a day or a week, by the clock of a place.

use super::{Name, Time};
use jiff::{Timestamp, tz};
use serde::{Deserialize, Serialize};

const HOUR_MS: i64 = 3_600_000;
const HOURS_OF_DAY: u16 = 24;
const HOURS_OF_WEEK: u16 = 168;

/// After what time a stream is like itself again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Season {
    /// A day: slots are its hours.
    Day,
    /// A week: slots are its hours, from Monday on.
    Week,
}

impl Season {
    /// How many slots there are.
    pub fn slots(self) -> u16 {
        match self {
            Season::Day => HOURS_OF_DAY,
            Season::Week => HOURS_OF_WEEK,
        }
    }
}

/// A season by the clock of a time zone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeasonClock {
    season: Season,
    time_zone: Name,
    #[serde(skip)]
    zone: tz::TimeZone,
}

/// An hour of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hour {
    /// Its slot.
    pub slot: u16,
    /// Where it starts, in whole local hours since the epoch: the occurrence of the slot.
    pub number: i64,
}

impl SeasonClock {
    /// The clock of an IANA time zone, such as `Europe/Berlin`, or why there is none.
    pub fn new(season: Season, time_zone: &str) -> Result<Self, String> {
        let zone = tz::TimeZone::get(time_zone).map_err(|_| {
            format!("{time_zone:?} is not a time zone (write an IANA name, such as \"Europe/Berlin\")")
        })?;
        Ok(SeasonClock { season, time_zone: time_zone.into(), zone })
    }

    /// The season.
    pub fn season(&self) -> Season {
        self.season
    }

    /// The zone's name.
    pub fn time_zone(&self) -> &Name {
        &self.time_zone
    }

    /// The hour that holds `time`.
    pub fn hour_of(&self, time: Time) -> Hour {
        let number = (time.ms() + self.offset_ms(time)).div_euclid(HOUR_MS);
        // The epoch was a Thursday.
        let since_monday = number + 3 * i64::from(HOURS_OF_DAY);
        Hour { slot: since_monday.rem_euclid(i64::from(self.season.slots())) as u16, number }
    }

    /// How the time from `start` to `end` lies in hours: each with its milliseconds, in order.
    pub fn hours_between(&self, start: Time, end: Time) -> Vec<(Hour, i64)> {
        let mut hours: Vec<(Hour, i64)> = Vec::new();
        let mut from = start;
        while from < end {
            let hour = self.hour_of(from);
            // An hour of the clock ends at the latest where its number is passed; a change of the
            // clock inside it is found from there.
            let past = (from.ms() + self.offset_ms(from)).rem_euclid(HOUR_MS);
            let to = from.plus_ms(HOUR_MS - past).min(end);
            match hours.last_mut() {
                Some((last, ms)) if *last == hour => *ms += to.since_ms(from),
                _ => hours.push((hour, to.since_ms(from))),
            }
            from = to;
        }
        hours
    }

    fn offset_ms(&self, time: Time) -> i64 {
        let timestamp = Timestamp::from_millisecond(time.ms()).unwrap_or(Timestamp::UNIX_EPOCH);
        i64::from(self.zone.to_offset(timestamp).seconds()) * 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time::parse(text).unwrap()
    }

    #[test]
    fn slots_are_local_hours_from_monday_on() {
        let berlin = SeasonClock::new(Season::Week, "Europe/Berlin").unwrap();
        assert_eq!(berlin.hour_of(at("2026-03-01T23:30:00Z")).slot, 0, "half past midnight of a Monday");
        assert_eq!(berlin.hour_of(at("2026-03-01T22:30:00Z")).slot, 167);
        // In summer the clock is two hours ahead.
        assert_eq!(berlin.hour_of(at("2026-07-05T22:00:00Z")).slot, 0);
        let day = SeasonClock::new(Season::Day, "Asia/Kathmandu").unwrap();
        assert_eq!(day.hour_of(at("2026-03-01T06:20:00Z")).slot, 12);
        assert_eq!(day.hour_of(at("2026-03-01T06:10:00Z")).slot, 11);
    }

    #[test]
    fn an_occurrence_is_an_hour_of_a_date() {
        let clock = SeasonClock::new(Season::Day, "UTC").unwrap();
        let (one, other) =
            (clock.hour_of(at("2026-03-01T05:10:00Z")), clock.hour_of(at("2026-03-02T05:50:00Z")));
        assert_eq!((one.slot, other.slot, other.number - one.number), (5, 5, 24));
    }

    #[test]
    fn a_span_is_cut_into_its_hours() {
        let clock = SeasonClock::new(Season::Day, "Asia/Kathmandu").unwrap();
        let hours = clock.hours_between(at("2026-03-01T06:00:00Z"), at("2026-03-01T07:30:00Z"));
        let slots: Vec<(u16, i64)> = hours.iter().map(|(hour, ms)| (hour.slot, ms / 60_000)).collect();
        assert_eq!(slots, [(11, 15), (12, 60), (13, 15)]);
        assert_eq!(hours.iter().map(|(_, ms)| ms).sum::<i64>(), 90 * 60_000);
    }

    #[test]
    fn a_zone_that_does_not_exist_is_refused() {
        assert!(SeasonClock::new(Season::Day, "Europe/Atlantis").unwrap_err().contains("Europe/Berlin"));
    }
}
