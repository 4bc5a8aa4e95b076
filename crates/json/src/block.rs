//! Classes of bytes in a block of 16, as bit masks whose lowest bit is the first byte; and the search for the next
//! token.
//!
//! On x86-64 a mask takes a few SSE2 instructions, which every such CPU has. On other CPUs the compiler vectorises the
//! comparisons, and a multiplication gathers the bits of eight bytes.

#[cfg(not(target_arch = "x86_64"))]
pub(crate) use portable::{blanks, digits, string_stops};
#[cfg(target_arch = "x86_64")]
pub(crate) use sse2::{blanks, digits, string_stops};

#[cfg(any(test, not(target_arch = "x86_64")))]
mod portable {
    /// Which bytes end a run of plain characters in a string (quote, backslash, control), and which are beyond ASCII.
    #[inline(always)]
    pub(crate) fn string_stops(block: &[u8; 16]) -> (u32, u32) {
        let stops = mask(block, |byte| (byte == b'"') | (byte == b'\\') | (byte < 0x20));
        (stops, mask(block, |byte| byte >= 0x80))
    }

    /// Which bytes are digits.
    #[inline(always)]
    pub(crate) fn digits(block: &[u8; 16]) -> u32 {
        mask(block, |byte| byte.is_ascii_digit())
    }

    /// Which bytes are space, tab, line feed or carriage return.
    #[inline(always)]
    pub(crate) fn blanks(block: &[u8; 16]) -> u32 {
        mask(block, |byte| (byte == b' ') | (byte == b'\t') | (byte == b'\n') | (byte == b'\r'))
    }

    #[inline(always)]
    fn mask(block: &[u8; 16], is_member: impl Fn(u8) -> bool) -> u32 {
        let flags = u128::from_le_bytes(block.map(|byte| u8::from(is_member(byte))));
        // The lowest bits of eight bytes, side by side in the highest byte of the product.
        let gather = |flags: u64| flags.wrapping_mul(0x0102_0408_1020_4080) >> 56;
        (gather(flags as u64) | gather((flags >> 64) as u64) << 8) as u32
    }
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_max_epu8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8, _mm_sub_epi8,
    };

    #[inline(always)]
    pub(crate) fn string_stops(block: &[u8; 16]) -> (u32, u32) {
        // SAFETY: x86-64 includes SSE2; the block is 16 bytes, and this load needs no alignment.
        unsafe {
            let bytes = _mm_loadu_si128(block.as_ptr().cast::<__m128i>());
            let equal = |byte: u8| _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()));
            let last_control = _mm_set1_epi8(0x1f);
            let control = _mm_cmpeq_epi8(_mm_max_epu8(bytes, last_control), last_control);
            let stops = _mm_or_si128(_mm_or_si128(equal(b'"'), equal(b'\\')), control);
            (_mm_movemask_epi8(stops).cast_unsigned(), _mm_movemask_epi8(bytes).cast_unsigned())
        }
    }

    #[inline(always)]
    pub(crate) fn digits(block: &[u8; 16]) -> u32 {
        // SAFETY: x86-64 includes SSE2; the block is 16 bytes, and this load needs no alignment.
        unsafe {
            let bytes = _mm_loadu_si128(block.as_ptr().cast::<__m128i>());
            let values = _mm_sub_epi8(bytes, _mm_set1_epi8(b'0'.cast_signed()));
            _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values)).cast_unsigned()
        }
    }

    #[inline(always)]
    pub(crate) fn blanks(block: &[u8; 16]) -> u32 {
        // SAFETY: x86-64 includes SSE2; the block is 16 bytes, and this load needs no alignment.
        unsafe {
            let bytes = _mm_loadu_si128(block.as_ptr().cast::<__m128i>());
            let equal = |byte: u8| _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()));
            let spaces = _mm_or_si128(equal(b' '), equal(b'\t'));
            _mm_movemask_epi8(_mm_or_si128(spaces, _mm_or_si128(equal(b'\n'), equal(b'\r')))).cast_unsigned()
        }
    }
}

/// The first byte from `at` on that is not blank, and its position. At the end of the text the byte is 0, which no
/// token begins with.
#[inline(always)]
pub(crate) fn token(text: &[u8], mut at: usize) -> (u8, usize) {
    let byte = |at: usize| text.get(at).copied().unwrap_or(0);
    if byte(at) > b' ' {
        return (byte(at), at);
    }
    if byte(at) == b' ' {
        at += 1;
        if byte(at) > b' ' {
            return (byte(at), at);
        }
    }
    // Probably a line break: most lines are indented by less than 16.
    if let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        at += blanks(block).trailing_ones() as usize;
        if byte(at) > b' ' {
            return (byte(at), at);
        }
    }
    long_blanks(text, at)
}

/// Like [`token`], for blanks of any length.
#[inline(never)]
fn long_blanks(text: &[u8], mut at: usize) -> (u8, usize) {
    let byte = |at: usize| text.get(at).copied().unwrap_or(0);
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let length = blanks(block).trailing_ones() as usize;
        at += length;
        if length < block.len() {
            return (byte(at), at);
        }
    }
    while let b' ' | b'\n' | b'\r' | b'\t' = byte(at) {
        at += 1;
    }
    (byte(at), at)
}

#[cfg(test)]
mod tests;
