//! The architecture of a guest's programs, by their ELF header.

use crate::os::Os;
use crate::root::Root;

/// The value of `arch` for a program.
fn of_header(head: &[u8]) -> Option<&'static str> {
    if head.len() < 20 || !head.starts_with(b"\x7fELF") {
        return None;
    }
    let machine = [head[18], head[19]];
    let machine =
        if head[5] == 2 { u16::from_be_bytes(machine) } else { u16::from_le_bytes(machine) };
    match (machine, head[4]) {
        (0x03, _) => Some("i386"),
        (0x3e, _) => Some("amd64"),
        (0x28, _) => Some("armhf"),
        (0xb7, _) => Some("arm64"),
        (0xf3, 1) => Some("riscv32"),
        (0xf3, 2) => Some("riscv64"),
        _ => None,
    }
}

/// The architecture of `/bin/sh`; on NixOS, of what runs `/sbin/init`. `None` where it cannot be told.
pub(crate) fn detect(root: &Root, os: Os) -> Option<&'static str> {
    let head = |path: &str| root.head(path, 256).ok().flatten();
    if os == Os::Nixos {
        let init = head("sbin/init")?;
        let line = std::str::from_utf8(init.split(|&byte| byte == b'\n').next()?).ok()?;
        let interpreter = line.strip_prefix("#!")?.split_whitespace().next()?;
        return of_header(&head(interpreter)?);
    }
    of_header(&head("bin/sh")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(class: u8, order: u8, machine: u16) -> Vec<u8> {
        let mut head = vec![0; 64];
        head[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, order]);
        let machine = if order == 2 { machine.to_be_bytes() } else { machine.to_le_bytes() };
        head[18..20].copy_from_slice(&machine);
        head
    }

    #[test]
    fn headers_tell_the_architecture() {
        for (class, machine, name) in [
            (2, 0x3e, Some("amd64")),
            (1, 0x03, Some("i386")),
            (1, 0x28, Some("armhf")),
            (2, 0xb7, Some("arm64")),
            (1, 0xf3, Some("riscv32")),
            (2, 0xf3, Some("riscv64")),
            (2, 0x16, None),
        ] {
            assert_eq!(of_header(&header(class, 1, machine)), name);
        }
        assert_eq!(of_header(&header(2, 2, 0xb7)), Some("arm64"), "big endian");
        assert_eq!(of_header(b"\x7fELF"), None);
        assert_eq!(of_header(b"#!/bin/sh\n and some more"), None);
    }
}
