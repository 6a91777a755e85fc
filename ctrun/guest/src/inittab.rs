//! Gettys in `/etc/inittab`, of sysvinit and busybox.

use crate::guest::Guest;
use crate::root::Result;
use crate::text::end_line;

/// Plans that the gettys on `ttyN` are exactly `lines`, and that `more` are there, in a guest that has an inittab.
pub(crate) fn write(guest: &mut Guest<'_>, lines: &[String], more: &[&str]) -> Result<()> {
    guest.root.edit_existing("etc/inittab", |old| set(old, lines, more))
}

/// Lines for all ttys of the guest, made of the number of each.
pub(crate) fn lines(guest: &Guest<'_>, line: impl Fn(u32) -> String) -> Vec<String> {
    (1..=guest.settings.ttys).map(line).collect()
}

fn set(old: &str, lines: &[String], more: &[&str]) -> String {
    let block: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let mut text = String::with_capacity(old.len());
    let mut done = false;
    for line in old.split_inclusive('\n') {
        if !is_getty(line) {
            text.push_str(line);
        } else if !done {
            text.push_str(&block);
            done = true;
        }
    }
    if !done {
        end_line(&mut text);
        text.push_str(&block);
    }
    for line in more {
        if !text.lines().any(|found| found == *line) {
            end_line(&mut text);
            text.push_str(&format!("{line}\n"));
        }
    }
    text
}

/// Whether a line runs a getty on a `ttyN`.
fn is_getty(line: &str) -> bool {
    if line.starts_with('#') {
        return false;
    }
    let mut fields = line.trim_end().splitn(4, ':');
    let Some("respawn" | "askfirst") = fields.nth(2) else { return false };
    let process = fields.next().unwrap_or("");
    let on_tty = process.split_whitespace().any(|word| {
        let name = word.rsplit('/').next().unwrap_or(word);
        let number = name.strip_prefix("tty").unwrap_or("");
        !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
    });
    process.contains("getty") && on_tty
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gettys_are_replaced_where_they_stand() {
        let old = "id:2:initdefault:\n1:2345:respawn:/sbin/getty 38400 tty1\n2:23:respawn:/sbin/getty 38400 tty2\n#3:23:respawn:/sbin/getty 38400 tty3\nT0:23:respawn:/sbin/getty -L ttyS0 9600";
        let lines = ["1:2345:respawn:/sbin/getty 38400 tty1".to_owned()];
        let new = set(old, &lines, &["p0::powerfail:/sbin/init 0"]);
        assert_eq!(
            new,
            "id:2:initdefault:\n1:2345:respawn:/sbin/getty 38400 tty1\n#3:23:respawn:/sbin/getty 38400 tty3\nT0:23:respawn:/sbin/getty -L ttyS0 9600\np0::powerfail:/sbin/init 0\n"
        );
        assert_eq!(set(&new, &lines, &["p0::powerfail:/sbin/init 0"]), new);
    }

    #[test]
    fn gettys_are_known_by_what_they_do() {
        assert!(is_getty("tty1::respawn:/sbin/getty 38400 tty1\n"));
        assert!(is_getty("c1:12345:respawn:/sbin/agetty 38400 lxc/tty1 linux"));
        assert!(!is_getty("tty1::respawn:/bin/sh tty1") && !is_getty("x:y"));
    }
}
