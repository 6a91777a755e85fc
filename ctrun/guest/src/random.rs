//! Random numbers, from the kernel.

use rustix::rand::{GetRandomFlags, getrandom};

/// Random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let mut done = 0;
    while done < N {
        // Up to 256 bytes come whole or not at all; only an interrupted wait for the first entropy fails.
        if let Ok(more) = getrandom(&mut bytes[done..], GetRandomFlags::empty()) {
            done += more;
        }
    }
    bytes
}

/// Sixteen hexadecimal digits.
pub(crate) fn hex() -> String {
    format!("{:016x}", u64::from_ne_bytes(bytes()))
}

/// A number below `end`.
pub(crate) fn below(end: u8) -> u8 {
    (u64::from_ne_bytes(bytes()) % u64::from(end)) as u8
}

/// A random UUID (RFC 9562, version 4).
pub(crate) fn uuid() -> String {
    let mut b = bytes::<16>();
    b[6] = b[6] & 0x0f | 0x40;
    b[8] = b[8] & 0x3f | 0x80;
    let hex: String = b.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_uuid_has_its_version_and_variant() {
        let uuid = super::uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
        assert_ne!(uuid, super::uuid());
    }
}
