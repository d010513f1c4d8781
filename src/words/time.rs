//! Event time and the grid of panes and looks that it is cut into.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// A point in event time: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Text forms (JSON, logs) are RFC 3339 UTC with milliseconds, binary forms (Avro
/// `timestamp-millis`) the number itself. The text form covers the years -9999 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Time(i64);

impl Time {
    /// The earliest time of all.
    pub const MIN: Time = Time(i64::MIN);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Time = Time(0);

    /// The time `ms` milliseconds after the epoch.
    pub const fn from_ms(ms: i64) -> Self {
        Time(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// This time moved by `ms`, held at the ends of the range.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Time(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this time, held at the ends of the range.
    pub const fn since_ms(self, earlier: Time) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads RFC 3339 (with any offset); `None` when it is not.
    pub fn parse(text: &str) -> Option<Time> {
        let time: jiff::Timestamp = text.trim().parse().ok()?;
        Some(Time(time.as_millisecond()))
    }

    /// Reads a count since the epoch whose unit its size tells: seconds below 1e11 (the year 5138),
    /// then milliseconds below 1e14, microseconds below 1e17, else nanoseconds.
    pub fn from_epoch_number(number: f64) -> Option<Time> {
        let ms = match number.abs() {
            n if n < 1e11 => number * 1e3,
            n if n < 1e14 => number,
            n if n < 1e17 => number / 1e3,
            n if n < 1e20 => number / 1e6,
            _ => return None,
        };
        ms.is_finite().then_some(Time(ms.floor() as i64))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            let ms = || text.strip_suffix("ms").and_then(|ms| ms.parse().ok()).map(Time);
            Time::parse(&text)
                .or_else(ms)
                .ok_or_else(|| de::Error::custom(format!("not an RFC 3339 time: {text:?}")))
        } else {
            i64::deserialize(deserializer).map(Time)
        }
    }
}

/// A tumbling slice of event time, by its number on the grid of the Unix epoch: pane `p` covers
/// `[p * slide, (p + 1) * slide)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pane(pub i64);

/// How event time is cut: panes of `slide`, windows of `size / slide` panes, looks inside a pane; and how
/// far a window with few rows may reach back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grid {
    slide_ms: i64,
    panes: u32,
    look_ms: i64,
    reach: u32,
}

/// Most panes of a window, and most that it may reach back over.
const MOST_PANES: u32 = 100_000;

impl Grid {
    /// A grid, or why these three do not make one. All are milliseconds; `size` must be a whole
    /// number of `slide`s and `slide` a whole number of `look`s.
    pub fn new(size_ms: i64, slide_ms: i64, look_ms: i64) -> Result<Grid, String> {
        if slide_ms <= 0 || look_ms <= 0 || size_ms <= 0 {
            return Err("size, slide and look must be longer than nothing".into());
        }
        if size_ms % slide_ms != 0 {
            return Err(format!(
                "the window's size ({size_ms} ms) must be a multiple of its slide ({slide_ms} ms)"
            ));
        }
        if slide_ms % look_ms != 0 {
            return Err(format!("the slide ({slide_ms} ms) must be a multiple of the look ({look_ms} ms)"));
        }
        let panes = u32::try_from(size_ms / slide_ms).ok().filter(|panes| *panes <= MOST_PANES);
        let panes = panes.ok_or("a window may have at most 100,000 panes")?;
        Ok(Grid { slide_ms, panes, look_ms, reach: panes })
    }

    /// The grid with windows that reach back to `grow_to_ms` before their end where they have few rows;
    /// or why that does not do: it must be a whole number of slides, and not less than the window's size.
    pub fn growing_to(self, grow_to_ms: i64) -> Result<Grid, String> {
        let (slide_ms, size_ms) = (self.slide_ms, self.size_ms());
        if grow_to_ms % slide_ms != 0 {
            return Err(format!(
                "how far a window may grow ({grow_to_ms} ms) must be a multiple of its slide ({slide_ms} ms)"
            ));
        }
        if grow_to_ms < size_ms {
            return Err(format!(
                "how far a window may grow ({grow_to_ms} ms) must be at least its size ({size_ms} ms)"
            ));
        }
        let reach = u32::try_from(grow_to_ms / slide_ms).ok().filter(|panes| *panes <= MOST_PANES);
        let reach = reach.ok_or("a window may reach back over at most 100,000 panes")?;
        Ok(Grid { reach, ..self })
    }

    /// Length of a pane, in milliseconds.
    pub fn slide_ms(&self) -> i64 {
        self.slide_ms
    }

    /// Length of a look, in milliseconds.
    pub fn look_ms(&self) -> i64 {
        self.look_ms
    }

    /// Length of a window, in milliseconds.
    pub fn size_ms(&self) -> i64 {
        self.slide_ms * i64::from(self.panes)
    }

    /// Panes in a window.
    pub fn panes(&self) -> u32 {
        self.panes
    }

    /// Panes that a window with few rows may reach back over: at least those of a window.
    pub fn reach(&self) -> u32 {
        self.reach
    }

    /// Lengths of the suffixes of a window in which a change is looked for, in panes: 1, 2, 4, … as far
    /// as they are shorter than the window.
    pub fn suffixes(&self) -> impl Iterator<Item = u32> + use<> {
        let panes = self.panes;
        (0..32).map(|power| 1 << power).take_while(move |length| *length < panes)
    }

    /// The pane that holds `time`.
    pub fn pane_of(&self, time: Time) -> Pane {
        Pane(time.ms().div_euclid(self.slide_ms))
    }

    /// The number of the look that holds `time`.
    pub fn look_of(&self, time: Time) -> i64 {
        time.ms().div_euclid(self.look_ms)
    }

    /// When the look of this number starts.
    pub fn look_start(&self, look: i64) -> Time {
        Time(look.saturating_mul(self.look_ms))
    }

    /// When the look of this number ends (not part of it).
    pub fn look_end(&self, look: i64) -> Time {
        Time(look.saturating_add(1).saturating_mul(self.look_ms))
    }

    /// The last look of `pane`.
    pub fn last_look(&self, pane: Pane) -> i64 {
        self.look_of(self.end(pane)) - 1
    }

    /// Where `pane` starts.
    pub fn start(&self, pane: Pane) -> Time {
        Time(pane.0.saturating_mul(self.slide_ms))
    }

    /// Where `pane` ends (not part of it).
    pub fn end(&self, pane: Pane) -> Time {
        Time(pane.0.saturating_add(1).saturating_mul(self.slide_ms))
    }
}

/// Reads a duration such as `"30s"`, `"90m"`, `"24h"`, `"30d"` or `"1h 30m"` as milliseconds.
pub fn parse_duration_ms(text: &str) -> Result<i64, String> {
    let duration = humantime::parse_duration(text).map_err(|_| {
        format!("not a duration: {text:?} (write \"500ms\", \"30s\", \"5m\", \"24h\" or \"30d\")")
    })?;
    i64::try_from(duration.as_millis()).map_err(|_| format!("too long a duration: {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_as_rfc_3339_with_milliseconds_and_read_back() {
        let time = Time::parse("2026-03-04T11:00:00.25+01:00").unwrap();
        assert_eq!(time.to_string(), "2026-03-04T10:00:00.250Z");
        assert_eq!(serde_json::to_string(&time).unwrap(), "\"2026-03-04T10:00:00.250Z\"");
        assert_eq!(serde_json::from_str::<Time>("\"2026-03-04T10:00:00.250Z\"").unwrap(), time);
        for edge in [Time::MIN, Time::from_ms(i64::MAX)] {
            assert_eq!(serde_json::from_str::<Time>(&serde_json::to_string(&edge).unwrap()).unwrap(), edge);
        }
    }

    #[test]
    fn epoch_numbers_tell_their_unit() {
        for number in [1.7e9, 1.7e12, 1.7e15, 1.7e18] {
            assert_eq!(Time::from_epoch_number(number), Some(Time::from_ms(1_700_000_000_000)));
        }
        assert_eq!(Time::from_epoch_number(-1.0), Some(Time::from_ms(-1000)));
        assert_eq!(Time::from_epoch_number(f64::NAN), None);
        assert_eq!(Time::from_epoch_number(1e30), None);
    }

    #[test]
    fn panes_are_half_open_on_the_grid_of_the_epoch() {
        let grid = Grid::new(3000, 1000, 100).unwrap();
        assert_eq!(grid.pane_of(Time::from_ms(999)), Pane(0));
        assert_eq!(grid.pane_of(Time::from_ms(1000)), Pane(1));
        assert_eq!(grid.pane_of(Time::from_ms(-1)), Pane(-1));
        assert_eq!(grid.end(Pane(1)), grid.start(Pane(2)));
        assert_eq!((grid.panes(), grid.size_ms()), (3, 3000));
        assert_eq!(grid.suffixes().collect::<Vec<_>>(), [1, 2]);
        let suffixes = |panes| Grid::new(panes, 1, 1).unwrap().suffixes().collect::<Vec<_>>();
        assert_eq!((suffixes(1), suffixes(4), suffixes(5)), (vec![], vec![1, 2], vec![1, 2, 4]));
        assert_eq!((grid.reach(), grid.growing_to(7000).unwrap().reach()), (3, 7));
        assert!(grid.growing_to(7500).is_err() && grid.growing_to(2000).is_err());
        assert!(Grid::new(2500, 1000, 100).is_err());
        assert!(Grid::new(3000, 1000, 300).is_err());
    }
}
