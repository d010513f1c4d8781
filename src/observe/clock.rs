//! The monotonic clock that health and log limits read; tests bring their own.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time since an arbitrary start, never going back. It says nothing of event time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Clock {
    /// The machine's clock, from now on.
    pub fn monotonic() -> Self {
        let start = Instant::now();
        Clock::by(move || start.elapsed())
    }

    /// The clock that `now` is.
    pub fn by(now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Clock(Arc::new(now))
    }

    /// The time since the clock's start.
    pub fn now(&self) -> Duration {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({:?})", self.now())
    }
}
