//! The number of a container.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A container's number, 100 to 999999999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ctid(u32);

/// Not the number of a container.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a container id: a number from 100 to 999999999")]
pub struct NotACtid(String);

impl FromStr for Ctid {
    type Err = NotACtid;

    fn from_str(text: &str) -> Result<Self, NotACtid> {
        let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        match text.parse() {
            Ok(n) if plain && (100..=999_999_999).contains(&n) => Ok(Self(n)),
            _ => Err(NotACtid(text.to_owned())),
        }
    }
}

impl fmt::Display for Ctid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_numbers_only() {
        assert_eq!("100".parse::<Ctid>().unwrap().to_string(), "100");
        for bad in ["99", "0100", "+100", "1000000000", "abc", "", "100/..", " 100"] {
            assert!(bad.parse::<Ctid>().is_err(), "{bad:?}");
        }
    }
}
