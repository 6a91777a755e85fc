//! The system calls that a container may not make.

use std::io::{Read as _, Seek as _};

use libseccomp::error::SeccompError;
use libseccomp::{
    ScmpAction, ScmpArch, ScmpArgCompare, ScmpCompareOp, ScmpFilterContext, ScmpSyscall,
};
use rustix::fs::MemfdFlags;

use crate::failure::{At, Failure, Step};
use crate::spec::Spec;

/// What a system container never needs and the host would suffer from: loading code into the kernel, opening files past
/// the root by number.
const DENIED: [&str; 7] = [
    "kexec_load",
    "kexec_file_load",
    "open_by_handle_at",
    "init_module",
    "finit_module",
    "delete_module",
    "userfaultfd",
];

const MNT_FORCE: u64 = 1;

/// Compiles the filter, as the instructions that the kernel takes.
pub fn compile(spec: &Spec) -> Result<Vec<u8>, Failure> {
    let filter = standard(spec).map_err(|e| format!("libseccomp: {e}")).at(Step::Privileges)?;
    export(&filter).at(Step::Privileges)
}

fn standard(spec: &Spec) -> Result<ScmpFilterContext, SeccompError> {
    let mut filter = ScmpFilterContext::new(ScmpAction::Allow)?;
    // A 32-bit program in the container must not find a way around.
    for arch in foreign_architectures() {
        filter.add_arch(*arch)?;
    }
    filter.set_act_badarch(ScmpAction::KillProcess)?;
    // Installing is done with CAP_SYS_ADMIN; setuid programs of the guest go on working.
    filter.set_ctl_nnp(false)?;
    let denied = ScmpAction::Errno(errno::EPERM);
    for name in DENIED {
        deny(&mut filter, denied, name, &[])?;
    }
    // A forced unmount could make network file systems of the host lose data.
    let force = ScmpArgCompare::new(1, ScmpCompareOp::MaskedEqual(MNT_FORCE), MNT_FORCE);
    deny(&mut filter, denied, "umount2", &[force])?;
    if spec.unprivileged() {
        if !spec.features.value.keyctl {
            deny(&mut filter, ScmpAction::Errno(errno::ENOSYS), "keyctl", &[])?;
        }
        // The ioctls of btrfs, of which some work without privileges and change the whole file system.
        let btrfs = ScmpArgCompare::new(1, ScmpCompareOp::MaskedEqual(0xff00), 0x9400);
        deny(&mut filter, denied, "ioctl", &[btrfs])?;
        // The crypto sockets have had many a hole.
        let af_alg = ScmpArgCompare::new(0, ScmpCompareOp::Equal, 38);
        deny(&mut filter, ScmpAction::Errno(errno::EAFNOSUPPORT), "socket", &[af_alg])?;
    }
    Ok(filter)
}

fn deny(
    filter: &mut ScmpFilterContext,
    action: ScmpAction,
    name: &str,
    arguments: &[ScmpArgCompare],
) -> Result<(), SeccompError> {
    // A call that the library does not know yet is one that it cannot filter; the kernel of its time has none either.
    let Ok(call) = ScmpSyscall::from_name(name) else { return Ok(()) };
    filter.add_rule_conditional(action, call, arguments).map(|_| ())
}

fn foreign_architectures() -> &'static [ScmpArch] {
    if cfg!(target_arch = "x86_64") {
        &[ScmpArch::X86, ScmpArch::X32]
    } else if cfg!(target_arch = "aarch64") {
        &[ScmpArch::Arm]
    } else {
        &[]
    }
}

fn export(filter: &ScmpFilterContext) -> Result<Vec<u8>, String> {
    let fd = rustix::fs::memfd_create("seccomp", MemfdFlags::CLOEXEC)
        .map_err(|e| format!("memfd_create: {e}"))?;
    let mut file = std::fs::File::from(fd);
    filter.export_bpf(&file).map_err(|e| format!("libseccomp: {e}"))?;
    let mut program = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut program)).map_err(|e| e.to_string())?;
    Ok(program)
}

/// Numbers of errors, as the filter wants them.
mod errno {
    use rustix::io::Errno;
    pub const EPERM: i32 = Errno::PERM.raw_os_error();
    pub const ENOSYS: i32 = Errno::NOSYS.raw_os_error();
    pub const EAFNOSUPPORT: i32 = Errno::AFNOSUPPORT.raw_os_error();
}
