//! Classes of bytes, as masks: the lowest bit of a mask is the first byte of the block.
//!
//! On x86-64 a block of 16 takes a few SSE2 instructions, which every such processor has, and one of 64 a few dozen of
//! AVX2, which every x86 processor since 2013 has. Elsewhere the compiler vectorises the comparisons, and
//! multiplications gather the bits.

/// Which bytes of a block belong to which class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Classes {
    /// `"`.
    pub quote: u64,
    /// `\`.
    pub backslash: u64,
    /// `{ } [ ] : ,`, and U+000C and U+001A, which the reader refuses when it compares the byte itself.
    pub operator: u64,
    /// Space, tab, line feed, carriage return.
    pub blank: u64,
    /// Below 0x20.
    pub control: u64,
}

/// The classes of 64 bytes, on any processor.
#[inline]
pub(crate) fn classify(block: &[u8; 64]) -> Classes {
    Classes {
        quote: mask(block, |byte| byte == b'"'),
        backslash: mask(block, |byte| byte == b'\\'),
        operator: mask(block, |byte| {
            let folded = byte | 0x20;
            (folded == b'{') | (folded == b'}') | (folded == b':') | (folded == b',')
        }),
        blank: mask(block, is_blank),
        control: mask(block, |byte| byte < 0x20),
    }
}

#[inline(always)]
fn is_blank(byte: u8) -> bool {
    (byte == b' ') | (byte == b'\t') | (byte == b'\n') | (byte == b'\r')
}

#[inline(always)]
fn mask<const N: usize>(block: &[u8; N], is_member: impl Fn(u8) -> bool) -> u64 {
    let mut flags = [0u8; N];
    for (flag, byte) in flags.iter_mut().zip(block) {
        *flag = u8::from(is_member(*byte));
    }
    let mut bits = 0;
    for (place, group) in flags.as_chunks::<8>().0.iter().enumerate() {
        // The lowest bits of eight bytes, side by side in the highest byte of the product.
        let byte = u64::from_le_bytes(*group).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits |= byte << (8 * place);
    }
    bits
}

#[cfg(not(target_arch = "x86_64"))]
mod sixteen {
    use crate::block::{is_blank, mask};

    #[inline(always)]
    pub(crate) fn string_stops(block: &[u8; 16]) -> (u32, u32) {
        let stops = mask(block, |byte| (byte == b'"') | (byte == b'\\') | (byte < 0x20));
        (stops as u32, mask(block, |byte| byte >= 0x80) as u32)
    }

    #[inline(always)]
    pub(crate) fn digits(block: &[u8; 16]) -> u32 {
        mask(block, |byte| byte.is_ascii_digit()) as u32
    }

    #[inline(always)]
    pub(crate) fn blanks(block: &[u8; 16]) -> u32 {
        mask(block, is_blank) as u32
    }
}

#[cfg(target_arch = "x86_64")]
mod sixteen {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_max_epu8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8, _mm_sub_epi8,
    };

    #[inline(always)]
    fn load(block: &[u8; 16]) -> __m128i {
        // SAFETY: x86-64 includes SSE2; the block is 16 bytes, and this load needs no alignment.
        unsafe { _mm_loadu_si128(block.as_ptr().cast::<__m128i>()) }
    }

    #[inline(always)]
    pub(crate) fn string_stops(block: &[u8; 16]) -> (u32, u32) {
        let bytes = load(block);
        // SAFETY: x86-64 includes SSE2.
        unsafe {
            let equal = |byte: u8| _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()));
            let last_control = _mm_set1_epi8(0x1f);
            let control = _mm_cmpeq_epi8(_mm_max_epu8(bytes, last_control), last_control);
            let stops = _mm_or_si128(_mm_or_si128(equal(b'"'), equal(b'\\')), control);
            (_mm_movemask_epi8(stops).cast_unsigned(), _mm_movemask_epi8(bytes).cast_unsigned())
        }
    }

    #[inline(always)]
    pub(crate) fn digits(block: &[u8; 16]) -> u32 {
        let bytes = load(block);
        // SAFETY: x86-64 includes SSE2.
        unsafe {
            let values = _mm_sub_epi8(bytes, _mm_set1_epi8(b'0'.cast_signed()));
            _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values)).cast_unsigned()
        }
    }

    #[inline(always)]
    pub(crate) fn blanks(block: &[u8; 16]) -> u32 {
        let bytes = load(block);
        // SAFETY: x86-64 includes SSE2.
        unsafe {
            let equal = |byte: u8| _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()));
            let spaces = _mm_or_si128(equal(b' '), equal(b'\t'));
            _mm_movemask_epi8(_mm_or_si128(spaces, _mm_or_si128(equal(b'\n'), equal(b'\r')))).cast_unsigned()
        }
    }
}

/// Which bytes end a run of plain characters in a string (quote, backslash, control), and which are beyond ASCII.
#[inline(always)]
pub(crate) fn string_stops(block: &[u8; 16]) -> (u32, u32) {
    sixteen::string_stops(block)
}

/// How many digits a block starts with.
#[inline(always)]
pub(crate) fn leading_digits(block: &[u8; 16]) -> usize {
    digits(block).trailing_ones() as usize
}

/// Which bytes are digits.
#[inline(always)]
pub(crate) fn digits(block: &[u8; 16]) -> u32 {
    sixteen::digits(block)
}

/// How many blanks a block starts with.
#[inline(always)]
pub(crate) fn leading_blanks(block: &[u8; 16]) -> usize {
    sixteen::blanks(block).trailing_ones() as usize
}

/// The same as [`classify`], with AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
pub(crate) fn classify_avx2(block: &[u8; 64]) -> Classes {
    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_max_epu8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8, _mm256_setr_epi8, _mm256_shuffle_epi8,
    };

    let mut classes = Classes::default();
    for (place, half) in block.as_chunks::<32>().0.iter().enumerate() {
        // SAFETY: `half` is 32 bytes, and this load needs no alignment.
        let bytes = unsafe { _mm256_loadu_si256(std::ptr::from_ref(half).cast::<__m256i>()) };
        let mask = |members: __m256i| u64::from(_mm256_movemask_epi8(members).cast_unsigned()) << (32 * place);
        let equal = |byte: u8| mask(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte.cast_signed())));
        // A shuffle looks up the low half of a byte in 16 entries (and gives 0 beyond ASCII): the blank, or the
        // operator with bit 5 set, that ends in it. Entries without one hold a byte that cannot be equal.
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
        classes.quote |= equal(b'"');
        classes.backslash |= equal(b'\\');
        classes.operator |= mask(_mm256_cmpeq_epi8(_mm256_shuffle_epi8(operators, bytes), folded));
        classes.blank |= mask(_mm256_cmpeq_epi8(_mm256_shuffle_epi8(blanks, bytes), bytes));
        classes.control |= mask(_mm256_cmpeq_epi8(_mm256_max_epu8(bytes, last_control), last_control));
    }
    classes
}

#[cfg(test)]
mod tests;
