//! A Debian root with systemd, made once by mmdebstrap and kept on the tmpfs for the next run.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use super::skip;

static MAKING: Mutex<()> = Mutex::new(());

/// A fresh copy of it for one test, or none, which has been said then.
pub fn root(into: &std::path::Path) -> Option<PathBuf> {
    let _one_at_a_time = MAKING.lock().unwrap();
    let tar = PathBuf::from("/dev/shm/ctrun-test-debian12.tar");
    if !tar.exists() {
        if Command::new("mmdebstrap").arg("--version").output().is_err() {
            skip("needs mmdebstrap");
            return None;
        }
        let new = tar.with_extension("new.tar");
        let made = Command::new("mmdebstrap")
            .args([
                "--variant=minbase",
                "--include=systemd-sysv,dbus,iproute2,iputils-ping",
                "bookworm",
            ])
            .arg(&new)
            .output()
            .unwrap();
        if !made.status.success() {
            skip(&format!("mmdebstrap: {}", String::from_utf8_lossy(&made.stderr)));
            return None;
        }
        fs::rename(&new, &tar).unwrap();
    }
    let root = into.join("debian");
    fs::create_dir(&root).unwrap();
    let unpacked = Command::new("tar").arg("-C").arg(&root).arg("-xpf").arg(&tar).status().unwrap();
    assert!(unpacked.success());
    Some(root)
}
