//! Decimal digits to numbers, eight at a time, and to the nearest floating point number.

/// The number of eight digits, the first in the lowest byte, each as its value.
#[inline(always)]
pub fn joined(digits: u64) -> u64 {
    // Pairs, then fours, then all.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(100 + (1_000_000 << 32));
    let high = (pairs >> 16 & 0x0000_00FF_0000_00FF).wrapping_mul(1 + (10_000 << 32));
    low.wrapping_add(high) >> 32
}

/// The `f64` nearest to `value / 10^fraction`, of 15 digits at most: both are exact, and so the quotient is the nearest.
#[inline(always)]
pub fn exact(value: u64, fraction: usize) -> f64 {
    const TENS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    value as f64 / TENS.get(fraction).copied().unwrap_or(f64::NAN)
}

/// The `f64` nearest to `value * 10^exponent`, by a multiplication with a power of five that is known to 128 bits (Eisel
/// and Lemire's way). `None` where that is not enough: next to the middle between two floats, and at the ends of their
/// range.
#[inline(always)]
pub fn scaled(value: u64, exponent: i64) -> Option<f64> {
    let (high, low) = *POWERS.get(usize::try_from(exponent - LEAST).ok()?)?;
    if value == 0 {
        return None;
    }
    let up = value.leading_zeros();
    let digits = u128::from(value << up);
    // The 128 highest bits of the product. The power and this are cut off: the true one is less than two above.
    let product = digits * u128::from(high) + ((digits * u128::from(low)) >> 64);
    let (high, low) = ((product >> 64) as u64, product as u64);
    // A float keeps 53 bits; what is behind them says where to round to, unless it is in the middle.
    let behind = 10 + (high >> 63) as u32;
    if low.wrapping_add(2) <= 4 {
        let half = 1 << (behind - 1);
        let rest = high & (2 * half - 1);
        if (rest == half && low <= 2) || (rest == half - 1 && low > 2) {
            return None;
        }
    }
    let binary = (exponent * 217_706) >> 16; // the logarithm of 10^exponent, rounded down
    let scale = binary + i64::from(behind) - i64::from(up) + (1023 + 52 + 64 + 64 - 127);
    if !(1..2046).contains(&scale) {
        return None;
    }
    // The highest bit is not stored; and where rounding up makes one more, it counts in the scale.
    let kept = ((high >> (behind - 1)) + 1) >> 1;
    Some(f64::from_bits((scale.cast_unsigned() << 52) + kept - (1 << 52)))
}

/// The exponents for which no float but 0 or infinity is near are not here.
const LEAST: i64 = -342;
const GREATEST: i64 = 308;
const COUNT: usize = (GREATEST - LEAST + 1) as usize;

/// The highest 128 bits of each power of five, rounded down.
static POWERS: [(u64, u64); COUNT] = {
    let mut powers = [(0, 0); COUNT];
    let (below, mut above) = powers.split_at_mut(-LEAST as usize);
    // One after the other, with 128 bits more for what is lost on the way.
    let mut power = [1 << 63, 0, 0, 0];
    while let Some((place, others)) = above.split_first_mut() {
        *place = (power[0], power[1]);
        power = times_five(power);
        above = others;
    }
    let mut power = [1 << 63, 0, 0, 0];
    let mut below = below;
    while let Some((place, others)) = below.split_last_mut() {
        power = fifth(power);
        *place = (power[0], power[1]);
        below = others;
    }
    powers
};

/// The highest limb first, the highest bit set.
type Limbs = [u64; 4];

const fn times_five([a, b, c, d]: Limbs) -> Limbs {
    let d = d as u128 * 5;
    let c = c as u128 * 5 + (d >> 64);
    let b = b as u128 * 5 + (c >> 64);
    let a = a as u128 * 5 + (b >> 64);
    let over = (a >> 64) as u64;
    let by = 64 - over.leading_zeros();
    let [a, b, c, d] = [a as u64, b as u64, c as u64, d as u64];
    let up = 64 - by;
    [over << up | a >> by, a << up | b >> by, b << up | c >> by, c << up | d >> by]
}

const fn fifth([a, b, c, d]: Limbs) -> Limbs {
    let b = ((a % 5) as u128) << 64 | b as u128;
    let c = (b % 5) << 64 | c as u128;
    let d = (c % 5) << 64 | d as u128;
    // What comes behind the point.
    let e = (d % 5) << 64;
    let [a, b, c, d, e] = [a / 5, (b / 5) as u64, (c / 5) as u64, (d / 5) as u64, (e / 5) as u64];
    let by = a.leading_zeros();
    let down = 64 - by;
    [a << by | b >> down, b << by | c >> down, c << by | d >> down, d << by | e >> down]
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    /// A whole number, the lowest limb first.
    struct Whole(Vec<u64>);

    impl Whole {
        fn times(mut self, factor: u128, times: i64) -> Self {
            for _ in 0..times {
                let mut carry = 0u128;
                for limb in &mut self.0 {
                    let sum = u128::from(*limb) * factor + carry;
                    *limb = sum as u64;
                    carry = sum >> 64;
                }
                if carry > 0 {
                    self.0.push(carry as u64);
                }
            }
            self
        }

        fn compare(&self, other: &Self) -> Ordering {
            self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
        }
    }

    #[test]
    fn powers() {
        for (exponent, (high, low)) in (LEAST..=GREATEST).zip(POWERS) {
            let known = u128::from(high) << 64 | u128::from(low);
            assert!(high >> 63 == 1);
            // How often 2 goes into the power, for 128 bits to be left.
            let twos = ((exponent * 217_706) >> 16) - exponent - 127;
            let whole = |known: u128| {
                let value = Whole(vec![known as u64, (known >> 64) as u64]);
                value.times(2, twos.max(0)).times(5, (-exponent).max(0))
            };
            let one = Whole(vec![1]).times(5, exponent.max(0)).times(2, (-twos).max(0));
            assert_ne!(whole(known).compare(&one), Ordering::Greater, "{exponent}");
            if known < u128::MAX {
                assert_eq!(whole(known + 1).compare(&one), Ordering::Greater, "{exponent}");
            }
        }
    }

    #[test]
    fn scaled_is_what_the_standard_library_says() {
        let mut random = fastrand::Rng::with_seed(1);
        let (mut asked, mut told) = (0, 0);
        for exponent in -400..400i64 {
            for _ in 0..200 {
                let value = random.u64(..) >> random.u32(..64);
                let expected: f64 = format!("{value}e{exponent}").parse().unwrap_or(f64::NAN);
                asked += i32::from(expected.is_normal());
                let found = scaled(value, exponent);
                assert!(found.is_none_or(|found| found.to_bits() == expected.to_bits()), "{value}e{exponent}");
                told += i32::from(expected.is_normal() && found.is_some());
            }
        }
        assert!(told >= asked - 200, "{told} of {asked}");
        // Floats, and what is in the middle between them.
        for _ in 0..20_000 {
            let number = f64::from_bits(random.u64(..0x7FE0_0000_0000_0000));
            let text = format!("{number:e}");
            let (digits, exponent) = text.split_once('e').unwrap_or_default();
            let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
            let exponent = exponent.parse::<i64>().unwrap_or_default() - fraction.len() as i64;
            if let Some(found) = scaled(format!("{whole}{fraction}").parse().unwrap_or_default(), exponent) {
                assert_eq!(found.to_bits(), number.to_bits(), "{text}");
            }
            let middle = (1 << 53) + 2 * (random.u64(..) >> 12) + 1;
            for value in [middle - 1, middle, middle + 1] {
                for (value, exponent) in [(value, 0), (value * 10, -1), (value * 100, -2), (value * 5, 3)] {
                    let expected: f64 = format!("{value}e{exponent}").parse().unwrap_or(f64::NAN);
                    if let Some(found) = scaled(value, exponent) {
                        assert_eq!(found.to_bits(), expected.to_bits(), "{value}e{exponent}");
                    }
                }
            }
        }
    }
}
