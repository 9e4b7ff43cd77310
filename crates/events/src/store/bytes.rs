//! Small integers in few bytes: what the packed columns and roll-ups are made of.

use kit::{Error, Result};

/// Appends 7 bits to a byte, low ones first.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "the lowest seven bits and the mark")]
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 128")]
    out.push(value as u8);
}

/// Small negative numbers become small numbers, too.
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned());
}

/// Appends bytes behind their length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what was put, in the same order.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self) -> Result<u64> {
        let (mut value, mut shift) = (0u64, 0u32);
        loop {
            let Some((&byte, rest)) = self.0.split_first() else { return Err(damaged()) };
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
            if shift > 63 {
                return Err(damaged());
            }
        }
    }

    pub(super) fn take_signed(&mut self) -> Result<i64> {
        let value = self.take()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// As many signed numbers, each told as its difference from the one before, without a branch for each byte.
    pub(super) fn take_column(&mut self, count: usize, column: &mut Vec<i64>) -> Result<()> {
        column.clear();
        column.reserve(count);
        let mut last = 0i64;
        for _ in 0..count {
            let value = match self.take_short() {
                Some(value) => value,
                None => self.take()?,
            };
            last = last.wrapping_add((value >> 1).cast_signed() ^ -((value & 1).cast_signed()));
            column.push(last);
        }
        Ok(())
    }

    /// A number of at most eight bytes, when so many are left: its groups of seven bits are put together in three steps.
    #[inline]
    fn take_short(&mut self) -> Option<u64> {
        let (eight, _) = self.0.split_first_chunk::<8>()?;
        let word = u64::from_le_bytes(*eight);
        let ends = !word & 0x8080_8080_8080_8080;
        if ends == 0 {
            return None;
        }
        let length = ends.trailing_zeros() / 8 + 1;
        self.0 = &self.0[length as usize..];
        let word = word & (u64::MAX >> (64 - 8 * length)) & 0x7f7f_7f7f_7f7f_7f7f;
        let word = word & 0x007f_007f_007f_007f | (word & 0x7f00_7f00_7f00_7f00) >> 1;
        let word = word & 0x0000_3fff_0000_3fff | (word & 0x3fff_0000_3fff_0000) >> 2;
        Some(word & 0x0fff_ffff | (word & 0x0fff_ffff_0000_0000) >> 4)
    }

    pub(super) fn take_length(&mut self) -> Result<usize> {
        usize::try_from(self.take()?).map_err(|_| damaged())
    }

    pub(super) fn slice(&mut self, length: usize) -> Result<&'a [u8]> {
        let (slice, rest) = self.0.split_at_checked(length).ok_or_else(damaged)?;
        self.0 = rest;
        Ok(slice)
    }

    pub(super) fn take_bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.take_length()?;
        self.slice(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.take_bytes()?).map_err(|_| damaged())
    }
}

pub(super) fn damaged() -> Error {
    Error::internal("packed events or counts in the database are damaged")
}
