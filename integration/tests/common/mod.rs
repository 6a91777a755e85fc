//! What several tests of the mounted file system share.
#![allow(dead_code, reason = "each test uses a part of it")]

use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Numbers that depend on a seed alone.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // A state of zero would stay zero, and small seeds begin alike.
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            random.next();
        }
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// The seed from `PVEFS_TEST_SEED`, or one of this moment. It is printed: a failing test shows it.
pub fn seed() -> u64 {
    let seed = match std::env::var("PVEFS_TEST_SEED") {
        Ok(text) => text.parse().expect("PVEFS_TEST_SEED is a number"),
        Err(_) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
            now.as_nanos() as u64 % 1_000_000_007
        }
    };
    println!("PVEFS_TEST_SEED={seed}");
    seed
}

/// The error number of a failed call; `None` if it did not fail.
pub fn errno<T>(result: io::Result<T>) -> Option<Errno> {
    result.err().map(|error| Errno::from_io_error(&error).unwrap_or(Errno::NOSYS))
}

/// A small configuration that is accepted, with `memory` in it.
pub fn conf(memory: u32) -> String {
    format!("arch: amd64\nhostname: ct\nmemory: {memory}\nostype: debian\n")
}

/// Writes a file as a shell's `>` does. Unlike `std::fs::write` it tells the error of the close, at which a text is saved.
pub fn save(path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> io::Result<()> {
    let mut file = File::create(path)?;
    let written = file.write_all(text.as_ref());
    written.and(nix::unistd::close(file).map_err(io::Error::from))
}
