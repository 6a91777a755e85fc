//! Capabilities of this thread.

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities,
};

use crate::{Call, Result};

/// All capabilities that Linux has, in the order of their numbers.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// The capability called `name`, with or without `CAP_`, in any case.
pub fn by_name(name: &str) -> Option<CapabilitySet> {
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix("cap_").unwrap_or(&name);
    let number = NAMES.iter().position(|n| *n == name)?;
    Some(CapabilitySet::from_bits_retain(1 << number))
}

/// Takes every capability that is not in `keep` away from this thread and from all it will ever execute.
///
/// Nothing is left to be inherited either: a program that is not root's gets none (CVE-2022-24769).
pub fn limit(keep: CapabilitySet) -> Result<()> {
    for number in 0..64 {
        let one = CapabilitySet::from_bits_retain(1 << number);
        if keep.contains(one) {
            continue;
        }
        match remove_capability_from_bounding_set(one) {
            Ok(()) => {}
            // Past the last capability that this kernel knows.
            Err(Errno::INVAL) => break,
            Err(e) => return Err(e).call(|| format!("prctl(CAPBSET_DROP, {number})")),
        }
    }
    clear_ambient_capability_set().call(|| "prctl(CAP_AMBIENT_CLEAR_ALL)".into())?;
    let now = rustix::thread::capabilities(None).call(|| "capget".into())?;
    set_capabilities(
        None,
        CapabilitySets {
            effective: now.effective & keep,
            permitted: now.permitted & keep,
            inheritable: CapabilitySet::empty(),
        },
    )
    .call(|| "capset".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_names() {
        assert_eq!(by_name("CAP_SYS_ADMIN"), Some(CapabilitySet::SYS_ADMIN));
        assert_eq!(by_name("mknod"), Some(CapabilitySet::MKNOD));
        assert_eq!(by_name("checkpoint_restore"), Some(CapabilitySet::CHECKPOINT_RESTORE));
        assert_eq!(by_name("sys_everything"), None);
    }
}
