//! The device filter of cgroup v2: a small BPF program that says which nodes may be opened.
//!
//! cgroup v1 has a file for this; v2 asks a program of type CGROUP_DEVICE (Linux 4.15) at each open and mknod.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use crate::{Error, Result};

/// One line of the filter. The first that matches decides; no match is a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `b`, `c`, or both (`None`).
    pub kind: Option<Kind>,
    /// Major number, or any.
    pub major: Option<u32>,
    /// Minor number, or any.
    pub minor: Option<u32>,
    /// The accesses that this line is about, a mask of [`READ`], [`WRITE`], [`MKNOD`].
    pub access: u32,
    /// What happens to them.
    pub allow: bool,
}

/// What kind of node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A block device.
    Block,
    /// A character device.
    Char,
}

/// Making the node.
pub const MKNOD: u32 = 1;
/// Opening it to read.
pub const READ: u32 = 2;
/// Opening it to write.
pub const WRITE: u32 = 4;

const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_CGROUP_DEVICE: u32 = 6;
/// The filters of parent and child groups all have to agree.
const ATTACH_MULTI: u32 = 2;

type Instruction = [u8; 8];

/// Attaches the filter to `cgroup`, a directory of the unified hierarchy. It goes away with the group.
pub fn attach(cgroup: impl AsFd, rules: &[Rule]) -> Result<()> {
    let program = load(&compile(rules))?;
    let mut attr = Attach {
        target: cgroup.as_fd().as_raw_fd().cast_unsigned(),
        program: program.as_raw_fd().cast_unsigned(),
        kind: ATTACH_CGROUP_DEVICE,
        flags: ATTACH_MULTI,
    };
    // SAFETY: `attr` is the start of the kernel's union for this command, with its size.
    let r =
        unsafe { libc::syscall(libc::SYS_bpf, PROG_ATTACH, &raw mut attr, size_of::<Attach>()) };
    if r == 0 { Ok(()) } else { Err(Error::last("bpf(PROG_ATTACH, CGROUP_DEVICE)")) }
}

#[repr(C)]
struct Attach {
    target: u32,
    program: u32,
    kind: u32,
    flags: u32,
}

#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
}

fn load(program: &[Instruction]) -> Result<OwnedFd> {
    let mut attr = Load {
        kind: TYPE_CGROUP_DEVICE,
        count: program.len() as u32,
        instructions: program.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
    };
    // SAFETY: `attr` is the start of the kernel's union for this command, with its size; the program and the licence
    // outlive the call, and the kernel verifies the program.
    let r = unsafe { libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw mut attr, size_of::<Load>()) };
    if r < 0 {
        return Err(Error::last(format!("bpf(PROG_LOAD, {} instructions)", program.len())));
    }
    // SAFETY: the call succeeded, so this is a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(r as i32) })
}

/// r1 points to `struct bpf_cgroup_dev_ctx { u32 access_type; u32 major; u32 minor; }`, where access_type has the kind
/// of node in its low half and the accesses in its high half.
fn compile(rules: &[Rule]) -> Vec<Instruction> {
    let mut program = vec![
        load_word(2, 0),      // r2 = access_type
        copy(3, 2),           // r3 = r2
        alu(0x54, 2, 0xffff), // r2 &= 0xffff: the kind
        alu(0x74, 3, 16),     // r3 >>= 16: the accesses
        load_word(4, 4),      // r4 = major
        load_word(5, 8),      // r5 = minor
    ];
    for rule in rules {
        let mut body = Vec::new();
        if let Some(kind) = rule.kind {
            body.push((2, if kind == Kind::Block { 1 } else { 2 }));
        }
        body.extend(rule.major.map(|major| (4, major)));
        body.extend(rule.minor.map(|minor| (5, minor)));
        // What is left of the accesses decides: an allowing rule must cover them all, a refusing one needs to touch one.
        let all = MKNOD | READ | WRITE;
        let test: Vec<Instruction> = if rule.access == all {
            Vec::new()
        } else if rule.allow {
            vec![copy(0, 3), alu(0x54, 0, !rule.access), jump(0x55, 0, 2, 0)]
        } else {
            vec![copy(0, 3), alu(0x54, 0, rule.access), jump(0x15, 0, 2, 0)]
        };
        // if register != value, past this rule
        let after = (test.len() + 2..).zip(body.iter().rev());
        let jumps: Vec<_> =
            after.map(|(past, (r, value))| jump(0x55, *r, past as i16, *value)).collect();
        program.extend(jumps.into_iter().rev());
        program.extend(test);
        program.push(alu(0xb4, 0, u32::from(rule.allow)));
        program.push(exit());
    }
    program.push(alu(0xb4, 0, 0));
    program.push(exit());
    program
}

fn instruction(code: u8, dst: u8, src: u8, off: i16, imm: u32) -> Instruction {
    let off = off.to_ne_bytes();
    let imm = imm.to_ne_bytes();
    [code, (src << 4) | dst, off[0], off[1], imm[0], imm[1], imm[2], imm[3]]
}

/// dst = *(u32 *)(r1 + off)
fn load_word(dst: u8, off: i16) -> Instruction {
    instruction(0x61, dst, 1, off, 0)
}

/// dst = src, 32 bits
fn copy(dst: u8, src: u8) -> Instruction {
    instruction(0xbc, dst, src, 0, 0)
}

/// 32-bit arithmetic with a constant
fn alu(code: u8, dst: u8, imm: u32) -> Instruction {
    instruction(code, dst, 0, 0, imm)
}

/// Compares a register with a constant; 0x15 jumps if equal, 0x55 if not.
fn jump(code: u8, dst: u8, off: i16, imm: u32) -> Instruction {
    instruction(code, dst, 0, off, imm)
}

fn exit() -> Instruction {
    instruction(0x95, 0, 0, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel would, for one access.
    fn run(program: &[Instruction], access_type: u32, major: u32, minor: u32) -> u32 {
        let context = [access_type, major, minor];
        let mut r = [0u32; 6];
        let mut at = 0;
        loop {
            let i = program[at];
            let (code, dst, src) = (i[0], usize::from(i[1] & 15), usize::from(i[1] >> 4));
            let off = i16::from_ne_bytes([i[2], i[3]]);
            let imm = u32::from_ne_bytes([i[4], i[5], i[6], i[7]]);
            at += 1;
            let mut jump =
                |yes: bool| at = (at as i64 + if yes { i64::from(off) } else { 0 }) as usize;
            match code {
                0x61 => r[dst] = context[off as usize / 4],
                0xbc => r[dst] = r[src],
                0x54 => r[dst] &= imm,
                0x74 => r[dst] >>= imm,
                0xb4 => r[dst] = imm,
                0x15 => jump(r[dst] == imm),
                0x55 => jump(r[dst] != imm),
                0x95 => return r[0],
                other => panic!("no such instruction: {other:#x}"),
            }
        }
    }

    #[test]
    fn first_match_decides() {
        let char = Some(Kind::Char);
        let rules = [
            Rule { kind: char, major: Some(1), minor: Some(3), access: 7, allow: true },
            Rule { kind: char, major: Some(10), minor: None, access: WRITE, allow: false },
            Rule { kind: char, major: Some(10), minor: None, access: READ | WRITE, allow: true },
            Rule { kind: None, major: None, minor: None, access: MKNOD, allow: true },
        ];
        let program = compile(&rules);
        let ask = |kind: u32, access: u32, major, minor| {
            run(&program, kind | (access << 16), major, minor) == 1
        };
        assert!(ask(2, READ | WRITE, 1, 3), "null");
        assert!(!ask(2, READ, 1, 5), "zero is not in the list");
        assert!(!ask(1, READ, 1, 3), "the block device of the same number");
        assert!(ask(2, READ, 10, 229));
        assert!(!ask(2, READ | WRITE, 10, 229), "writing is refused before it is allowed");
        assert!(ask(1, MKNOD, 8, 0), "any node may be made");
        assert!(!ask(1, MKNOD | READ, 8, 0), "but not opened");
    }

    #[test]
    fn nothing_is_allowed_by_nothing() {
        assert_eq!(run(&compile(&[]), 2 | (READ << 16), 1, 3), 0);
    }
}
