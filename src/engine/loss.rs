//! Records that the input lost before they could be read: how many there were is known, not whose.
//!
//! They are taken to be like the records of their partition that are read next, up to the commit: each
//! pane of a model key has the share of them that it has of these. Until there are any, what was lost
//! travels with the committed offset.

use super::sketcher::Sketcher;
use crate::window::Source;

impl Sketcher {
    /// Goes on at `first`, where the next record of a partition was to be `wanted` and is gone. Of a log
    /// that ends before that nobody knows what it had.
    pub fn lose(&mut self, source: &Source, wanted: i64, first: i64) {
        let Some(known) = self.sources.iter_mut().find(|known| known.source == *source) else { return };
        known.state.lost += u64::try_from(first - wanted).unwrap_or(0);
        known.next_offset = first;
        known.moved = true;
    }

    /// Tells the panes that are ending of what was lost before their rows.
    pub(super) fn share_losses(&mut self) {
        let closed = &mut self.closed;
        for (at, known) in self.sources.iter_mut().enumerate().filter(|(_, known)| known.since_loss > 0) {
            let (lost, all) = (u128::from(known.state.lost), u128::from(known.since_loss));
            // Of the first so many records; rounded down, so that shares add up.
            let share = |records: u128| (lost * records / all) as u64;
            let mut before = 0;
            for (rows, told) in closed.iter_mut().flat_map(|gathered| gathered.after_loss(at)) {
                let after = before + u128::from(rows);
                *told += share(after) - share(before);
                before = after;
            }
            (known.state.lost, known.since_loss) = (0, 0);
        }
    }
}
