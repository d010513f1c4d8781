//! A detail as bytes: a digest's centroids as steps from its least value on, the rest as it is.

use super::bytes::{Reader, write_float, write_number};
use crate::sketch::{Detail, Digest, Moments, Unseen};
use tdigest::Centroid;

/// Writes `detail` with `most` centroids at most.
pub(super) fn write(detail: &Detail, most: usize, bytes: &mut Vec<u8>) {
    let Detail { digest, moments, unseen } = detail;
    write_number(moments.count, bytes);
    if moments.count > 0 {
        write_float(moments.mean, bytes);
        write_float(moments.squares, bytes);
    }
    write_unseen(unseen, bytes);
    match digest.thinned(most) {
        Digest::Exact(values) => {
            write_number(values.len() as u64, bytes);
            write_number(0, bytes);
            values.iter().for_each(|value| write_float(*value, bytes));
        }
        Digest::Compressed(centroids) => {
            write_number(0, bytes);
            write_number(centroids.as_slice().len() as u64, bytes);
            write_centroids(centroids.as_slice(), Steps::new(centroids.extremes()), bytes);
        }
    }
}

fn write_centroids(centroids: &[Centroid], mut steps: Steps, bytes: &mut Vec<u8>) {
    write_float(steps.least, bytes);
    write_float(steps.greatest, bytes);
    for centroid in centroids {
        bytes.extend(steps.to(centroid.mean()).to_le_bytes());
        // Weights are rows: whole numbers.
        write_number((centroid.weight() + 0.5) as u64, bytes);
    }
}

/// Writes names with their counts.
pub(super) fn write_unseen(unseen: &Unseen, bytes: &mut Vec<u8>) {
    write_number(unseen.cap() as u64, bytes);
    write_number(unseen.iter().count() as u64, bytes);
    for (name, count) in unseen.iter() {
        write_number(name.len() as u64, bytes);
        bytes.extend(name.bytes());
        write_number(count, bytes);
    }
}

/// Reads names with their counts.
pub(super) fn read_unseen(reader: &mut Reader<'_>) -> Unseen {
    let mut unseen = Unseen::with_cap(reader.number() as usize);
    for _ in 0..reader.number() {
        let length = reader.number() as usize;
        let name = String::from_utf8_lossy(reader.take(length));
        unseen.add(&name, reader.number());
    }
    unseen
}

/// Reads a detail.
pub(super) fn read(mut reader: Reader<'_>) -> Detail {
    let mut moments = Moments { count: reader.number(), ..Moments::default() };
    if moments.count > 0 {
        (moments.mean, moments.squares) = (reader.float(), reader.float());
    }
    let unseen = read_unseen(&mut reader);
    let digest = match (reader.number(), reader.number()) {
        (values, 0) => Digest::Exact((0..values).map(|_| reader.float()).collect()),
        (_, centroids) => {
            let (least, greatest) = (reader.float(), reader.float());
            let mut steps = Steps::new((least, greatest));
            let centroid = |_| {
                let mean = steps.by(u16::from_le_bytes(reader.array()));
                // Signed numbers are quicker to convert.
                Centroid::new(mean, reader.number() as i64 as f64)
            };
            Digest::from_centroids((0..centroids).map(centroid).collect(), least, greatest)
        }
    };
    Detail { digest, moments, unseen }
}

/// A walk from the least value to the greatest, in steps that are parts of the whole way (0 to 1), to eight
/// binary digits: the upper half of a float. Each starts where the last one came to, so that rounding does
/// not add up. All that is half here would be more than a float can say.
struct Steps {
    least: f64,
    greatest: f64,
    half_place: f64,
    half_way: f64,
    per_half_way: f64,
}

impl Steps {
    fn new((least, greatest): (f64, f64)) -> Self {
        let half_way = greatest / 2.0 - least / 2.0;
        Steps { least, greatest, half_place: least / 2.0, half_way, per_half_way: 1.0 / half_way }
    }

    /// The step that leads to `place`, taken.
    fn to(&mut self, place: f64) -> u16 {
        let part = (place / 2.0 - self.half_place) * self.per_half_way;
        // There may be no way at all to go, and then the part is no number.
        let part = if part > 0.0 { part.min(1.0) as f32 } else { 0.0 };
        let step = ((part.to_bits() + 0x8000) >> 16) as u16;
        self.by(step);
        step
    }

    /// Where `step` leads.
    fn by(&mut self, step: u16) -> f64 {
        let part = f32::from_bits(u32::from(step) << 16);
        let (place, end) = (self.half_place + f64::from(part) * self.half_way, self.greatest / 2.0);
        self.half_place = if place < end { place } else { end };
        let place = self.half_place * 2.0;
        let place = if place > self.least { place } else { self.least };
        if place < self.greatest { place } else { self.greatest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Packed;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> Detail {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let mut detail = Detail { moments: Moments::of(values), ..Detail::default() };
        detail.digest.add_sorted(&sorted);
        detail
    }

    fn kept(detail: &Detail, most: usize) -> Detail {
        Packed::of(1, most, |_| detail).get(0)
    }

    fn values() -> impl Strategy<Value = Vec<f64>> {
        let value = prop_oneof![
            -5.0..5.0f64,
            (-40..40i32).prop_map(|i| f64::from(i) / 8.0),
            Just(1e12),
            any::<f64>().prop_filter("finite", |value| value.is_finite()),
        ];
        prop::collection::vec(value, 0..900)
    }

    proptest! {
        #[test]
        fn few_values_come_back_as_they_were(values in values()) {
            let detail = of(&values[..values.len().min(100)]);
            prop_assert_eq!(kept(&detail, 200), detail);
        }

        #[test]
        fn rows_extremes_moments_and_order_are_kept_of_any_values(values in values(), most in 16usize..200) {
            let (detail, kept) = (of(&values), kept(&of(&values), most));
            prop_assert_eq!(kept.digest.count(), values.len() as u64);
            prop_assert_eq!((kept.digest.min(), kept.digest.max()), (detail.digest.min(), detail.digest.max()));
            prop_assert_eq!(&kept.moments, &detail.moments);
            if let Some(centroids) = kept.digest.centroids() {
                prop_assert!(centroids.len() <= most && centroids.is_sorted_by(|a, b| a.mean() <= b.mean()));
            }
        }

        #[test]
        fn a_digest_that_fits_keeps_its_places_to_a_small_part_of_their_distance(values in prop::collection::vec(-5.0..5.0f64, 300..900)) {
            let (detail, kept) = (of(&values), kept(&of(&values), 200));
            let (Some(before), Some(after)) = (detail.digest.centroids(), kept.digest.centroids()) else {
                return Err(TestCaseError::fail("both are compressed"));
            };
            prop_assert_eq!(before.len(), after.len());
            let (mut last, mut least) = (detail.digest.min().unwrap_or_default(), 0.0_f64);
            for (before, after) in before.iter().zip(after) {
                // What the last one was off is made good by this one's step.
                let most = least.max((before.mean() - last + least) / 256.0);
                prop_assert!((before.mean() - after.mean()).abs() <= most + 1e-12);
                prop_assert_eq!(before.weight(), after.weight());
                (last, least) = (before.mean(), most);
            }
        }
    }

    #[test]
    fn unseen_names_are_kept_with_their_counts() {
        let mut detail = Detail { unseen: Unseen::with_cap(3), ..Detail::default() };
        ["é", "", "long name"]
            .iter()
            .enumerate()
            .for_each(|(at, name)| detail.unseen.add(name, 200 * at as u64 + 1));
        assert_eq!(kept(&detail, 16), detail);
    }
}
