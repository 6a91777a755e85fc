//! How an archive is packed, by its first bytes.

use std::path::Path;

/// What packed an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Nothing: a plain tar.
    None,
    /// gzip
    Gzip,
    /// xz
    Xz,
    /// zstd
    Zstd,
    /// bzip2
    Bzip2,
    /// lzop, which old backups are packed with.
    Lzop,
}

impl Compression {
    /// Recognises the beginning of an archive.
    pub(crate) fn detect(head: &[u8]) -> Option<Self> {
        const MAGIC: [(Compression, &[u8]); 6] = [
            (Compression::Gzip, &[0x1f, 0x8b]),
            (Compression::Xz, &[0xfd, b'7', b'z', b'X', b'Z', 0]),
            (Compression::Zstd, &[0x28, 0xb5, 0x2f, 0xfd]),
            // RFC 8878: zstd -T writes a frame to be skipped first when asked to be seekable.
            (Compression::Zstd, &[0x50, 0x2a, 0x4d, 0x18]),
            (Compression::Bzip2, b"BZh"),
            (Compression::Lzop, &[0x89, b'L', b'Z', b'O', 0]),
        ];
        let packed = MAGIC.into_iter().find(|(_, magic)| head.starts_with(magic));
        match packed {
            Some((kind, _)) => Some(kind),
            None => is_tar(head).then_some(Self::None),
        }
    }

    /// The program that unpacks it to its standard output, and its options. None for a plain tar.
    pub(crate) fn program(self) -> Option<(&'static str, &'static [&'static str])> {
        match self {
            Self::None => None,
            // pigz reads, writes and checks in threads of their own: twice as fast.
            Self::Gzip if is_installed("pigz") => Some(("pigz", &["-dc"])),
            Self::Gzip => Some(("gzip", &["-dc"])),
            // A file may ask for 4 GiB of memory; those that xz makes ask for 65 MiB at most.
            Self::Xz => Some(("xz", &["-dc", "-T0", "--memlimit-decompress=1GiB"])),
            Self::Zstd => Some(("zstd", &["-dcq"])),
            Self::Bzip2 => Some(("bzip2", &["-dc"])),
            Self::Lzop => Some(("lzop", &["-dc"])),
        }
    }
}

/// Whether a block is the header of a file in a tar: the sum of its bytes is in it, its own place counted as blanks (tar(5)).
fn is_tar(head: &[u8]) -> bool {
    let Some(block) = head.get(..512) else { return false };
    let written = &block[148..156];
    let digits: String = written
        .iter()
        .map(|&b| char::from(b))
        .skip_while(|c| *c == ' ')
        .take_while(char::is_ascii_digit)
        .collect();
    let sum: u64 = block.iter().map(|&b| u64::from(b)).sum();
    let own: u64 = written.iter().map(|&b| u64::from(b)).sum();
    u64::from_str_radix(&digits, 8).is_ok_and(|expected| expected == sum - own + 8 * 32)
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file() && dir != Path::new(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_archive_is_not_recognised() {
        for head in [&b""[..], b"hello", &[0; 512], b"#!/bin/sh\n", b"PK\x03\x04", &[0x1f]] {
            assert_eq!(Compression::detect(head), None, "{head:?}");
        }
    }

    #[test]
    fn an_old_tar_is_recognised_by_its_sum() {
        let mut block = [0; 512];
        block[..5].copy_from_slice(b"./etc");
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|&b| u64::from(b)).sum();
        block[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
        assert_eq!(Compression::detect(&block), Some(Compression::None));
        block[0] = b'x';
        assert_eq!(Compression::detect(&block), None);
    }
}
