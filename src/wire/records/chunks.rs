//! Cutting a record by feature, so that each part stays under the broker's limit.

use crate::error::Result;
use crate::wire::Encoding;

/// Room for a chunk's number and the lengths of its lists.
const SLACK: usize = 32;

/// A chunk of a record, and the bytes that it is sent as.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded<R> {
    /// The chunk.
    pub record: R,
    /// Its message, encoded.
    pub payload: Vec<u8>,
}

/// A record with a list of features by which it can be cut.
pub(super) trait Chunked: Clone {
    /// What stands in the list.
    type Item;

    /// The list.
    fn items(&mut self) -> &mut Vec<Self::Item>;

    /// The bytes of the record's message as it is.
    fn bytes(&self, encoding: Encoding) -> Result<Vec<u8>>;

    /// Sets which chunk this is.
    fn number(&mut self, index: u32, total: u32);

    /// Takes out what only the first chunk carries.
    fn strip(&mut self);
}

/// `whole` as chunks of at most `limit` bytes, in order; a feature that is larger by itself has a
/// chunk to itself. There is always a first chunk.
pub(super) fn cut<C: Chunked>(mut whole: C, limit: usize, encoding: Encoding) -> Result<Vec<Encoded<C>>> {
    whole.number(0, 1);
    let payload = whole.bytes(encoding)?;
    if payload.len() <= limit {
        return Ok(vec![Encoded { record: whole, payload }]);
    }
    let items = std::mem::take(whole.items());
    let mut follower = whole.clone();
    follower.strip();
    let (first_size, follower_size) = (whole.bytes(encoding)?.len(), follower.bytes(encoding)?.len());
    let mut parts = vec![Vec::new()];
    let mut used = first_size + SLACK;
    for item in items {
        whole.items().push(item);
        let size = whole.bytes(encoding)?.len() - first_size;
        if used + size > limit && parts.last().is_some_and(|part| !part.is_empty()) {
            parts.push(Vec::new());
            used = follower_size + SLACK;
        }
        used += size;
        parts.last_mut().expect("there is always a first part").append(whole.items());
    }
    let total = parts.len() as u32;
    let chunk = |(index, part)| {
        let mut record = if index == 0 { whole.clone() } else { follower.clone() };
        *record.items() = part;
        record.number(index as u32, total);
        let payload = record.bytes(encoding)?;
        Ok(Encoded { record, payload })
    };
    parts.into_iter().enumerate().map(chunk).collect()
}
