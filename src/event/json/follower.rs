//! What followed a point between two values of an event, and after which text.

use crate::event::member::Then;

/// Bytes of a text that are compared at once.
const HEAD: usize = 32;

/// A member, or the end of the event, after a text such as `, "amount": `.
#[derive(Debug)]
pub(super) struct Follower {
    /// The text's first bytes and which of them count, as words.
    head: [u64; HEAD / 8],
    counts: [u64; HEAD / 8],
    /// The rest of the text.
    tail: Box<[u8]>,
    length: usize,
    /// `None` is the end of the event.
    pub(super) member: Option<Member>,
}

/// A member of an object of the envelope.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// What becomes of its value.
    pub(super) then: Then,
    /// Its number.
    pub(super) number: usize,
    /// The point after its value.
    pub(super) after: usize,
    /// The point inside its value, where that may be an object with members.
    pub(super) inside: usize,
}

impl Follower {
    pub(super) fn new(text: &[u8], member: Option<Member>) -> Self {
        let (mut head, mut counts) = ([0; HEAD], [0; HEAD]);
        for (at, byte) in text.iter().take(HEAD).enumerate() {
            (head[at], counts[at]) = (*byte, 0xff);
        }
        let tail = text.get(HEAD..).unwrap_or_default().into();
        Follower { head: words(&head), counts: words(&counts), tail, length: text.len(), member }
    }

    /// Where the text ends that stands at `at`, if it is this one: where the member's value begins.
    #[inline(always)]
    pub(super) fn end(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let stands = match bytes[at..].first_chunk() {
            Some(chunk) => {
                let words = words(chunk).into_iter().zip(self.head).zip(self.counts);
                let differs =
                    words.fold(0, |differs, ((word, head), counts)| differs | (word ^ head) & counts);
                differs == 0 && (self.length <= HEAD || bytes[at + HEAD..].starts_with(&self.tail))
            }
            None => self.is_all_of(&bytes[at..]),
        };
        let is_whole = self.member.is_some() || at + self.length == bytes.len();
        (stands && is_whole).then_some(at + self.length)
    }

    /// Whether the text stands at the start of the last few bytes of an event.
    #[cold]
    fn is_all_of(&self, rest: &[u8]) -> bool {
        let head = self.head.iter().flat_map(|word| word.to_le_bytes());
        self.length <= rest.len() && head.zip(rest).take(self.length).all(|(byte, other)| byte == *other)
    }
}

#[inline(always)]
fn words(bytes: &[u8; HEAD]) -> [u64; HEAD / 8] {
    let (words, _) = bytes.as_chunks();
    [words[0], words[1], words[2], words[3]].map(u64::from_le_bytes)
}
