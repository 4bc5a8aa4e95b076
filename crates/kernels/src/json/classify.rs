//! What the bytes of a block are: 64 of them, as bits.
//!
//! With AVX2, which every x86 processor since 2013 has, a block takes a few dozen instructions. Elsewhere the compiler
//! makes vectors of the comparisons by itself, and multiplications gather their results.

/// A bit for each byte of a block; the first byte is the lowest bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    /// `"`.
    pub quote: u64,
    /// `\`.
    pub backslash: u64,
    /// `{ } [ ] : ,`, and two control characters, which whoever looks at the byte itself refuses.
    pub operator: u64,
    /// Space, tab, line feed, carriage return.
    pub blank: u64,
    /// Below 0x20.
    pub control: u64,
}

/// On any processor.
#[inline]
pub fn portable(block: &[u8; 64]) -> Classes {
    Classes {
        quote: gather(block, |byte| byte == b'"'),
        backslash: gather(block, |byte| byte == b'\\'),
        operator: gather(block, |byte| {
            let folded = byte | 0x20;
            (folded == b'{') | (folded == b'}') | (folded == b':') | (folded == b',')
        }),
        blank: gather(block, |byte| (byte == b' ') | (byte == b'\t') | (byte == b'\n') | (byte == b'\r')),
        control: gather(block, |byte| byte < 0x20),
    }
}

#[inline(always)]
fn gather(block: &[u8; 64], is: impl Fn(u8) -> bool) -> u64 {
    let mut flags = [0u8; 64];
    for (flag, byte) in flags.iter_mut().zip(block) {
        *flag = u8::from(is(*byte));
    }
    let mut bits = 0;
    for (place, group) in flags.as_chunks::<8>().0.iter().enumerate() {
        // The eight lowest bits of eight bytes, side by side in the highest byte of the product.
        let byte = u64::from_le_bytes(*group).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits |= byte << (8 * place);
    }
    bits
}

/// On x86 with AVX2.
///
/// # Safety
/// The processor must have it.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
pub fn avx2(block: &[u8; 64]) -> Classes {
    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_max_epu8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8, _mm256_setr_epi8, _mm256_shuffle_epi8,
    };

    let (halves, _) = block.as_chunks::<32>();
    let mut classes = Classes::default();
    for (place, half) in halves.iter().enumerate() {
        // SAFETY: the 32 bytes are there, and this load needs no alignment.
        let bytes = unsafe { _mm256_loadu_si256(std::ptr::from_ref(half).cast::<__m256i>()) };
        let bits = |found: __m256i| u64::from(_mm256_movemask_epi8(found).cast_unsigned()) << (32 * place);
        let is = |byte: u8| bits(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte.cast_signed())));
        // A shuffle looks the low half of a byte up in 16 entries (and gives 0 beyond ASCII): the blank, or the operator
        // in the writing with bit 5 set, that ends in it. Entries without one hold what cannot be equal.
        let blanks = _mm256_setr_epi8(
            32, 100, 100, 100, 17, 100, 113, 2, 100, 9, 10, 112, 100, 13, 100, 100, //
            32, 100, 100, 100, 17, 100, 113, 2, 100, 9, 10, 112, 100, 13, 100, 100,
        );
        let operators = _mm256_setr_epi8(
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 58, 123, 44, 125, 0, 0, //
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 58, 123, 44, 125, 0, 0,
        );
        let folded = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
        let last_control = _mm256_set1_epi8(0x1f);
        classes.quote |= is(b'"');
        classes.backslash |= is(b'\\');
        classes.operator |= bits(_mm256_cmpeq_epi8(_mm256_shuffle_epi8(operators, bytes), folded));
        classes.blank |= bits(_mm256_cmpeq_epi8(_mm256_shuffle_epi8(blanks, bytes), bytes));
        classes.control |= bits(_mm256_cmpeq_epi8(_mm256_max_epu8(bytes, last_control), last_control));
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_byte_everywhere(classify: impl Fn(&[u8; 64]) -> Classes) {
        for byte in 0..=255u8 {
            for place in [0, 1, 7, 8, 31, 32, 63] {
                let mut block = [b'a'; 64];
                if let Some(slot) = block.get_mut(place) {
                    *slot = byte;
                }
                let classes = classify(&block);
                let expected = |is: bool| u64::from(is) << place;
                assert_eq!(classes.quote, expected(byte == b'"'));
                assert_eq!(classes.backslash, expected(byte == b'\\'));
                assert_eq!(classes.operator, expected(b"{}[]:,\x1a\x0c".contains(&byte)), "{byte}");
                assert_eq!(classes.blank, expected(b" \t\n\r".contains(&byte)));
                assert_eq!(classes.control, expected(byte < 0x20));
            }
        }
    }

    #[test]
    fn portably() {
        every_byte_everywhere(portable);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn with_avx2() {
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has it.
            every_byte_everywhere(|block| unsafe { avx2(block) });
        }
    }
}
