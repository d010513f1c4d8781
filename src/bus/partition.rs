//! The partition that Kafka's own Java producer gives a key: murmur2 modulo the partitions.
//!
//! Every record that belongs to a model goes to this partition, set explicitly, so that one owner
//! sees all of it, whichever client wrote it. The hash is A. Appleby's MurmurHash2, 32 bits, with
//! the seed that Kafka fixed.

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;
const SHIFT: u32 = 24;

/// The partition of `key` among `partitions` (at least 1).
pub fn partition_of(key: &[u8], partitions: u32) -> i32 {
    assert!(partitions > 0, "a topic has at least one partition");
    // Java drops the sign bit instead of negating, and so must this.
    let partition = (murmur2(key) & 0x7fff_ffff) % partitions;
    i32::try_from(partition).expect("the sign bit was dropped")
}

fn murmur2(data: &[u8]) -> u32 {
    // Java's length is an `int`; a key of 4 GiB cannot exist in a record.
    let mut hash = SEED ^ (data.len() as u32);
    let chunks = data.chunks_exact(4);
    let rest = chunks.remainder();
    for chunk in chunks {
        let word = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]).wrapping_mul(MULTIPLIER);
        let mixed = (word ^ (word >> SHIFT)).wrapping_mul(MULTIPLIER);
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed;
    }
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_of_kafkas_java_client() {
        for (key, java) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()) as i32, java, "{key}");
        }
    }

    #[test]
    fn a_partition_is_never_negative_and_always_one_of_them() {
        assert_eq!(partition_of(b"foobar", 12), ((-790_332_482_i32) & 0x7fff_ffff) % 12);
        for key in 0..200_u32 {
            let partition = partition_of(&key.to_be_bytes(), 7);
            assert!((0..7).contains(&partition));
        }
    }
}
