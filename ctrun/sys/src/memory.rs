//! Memory of this process.

use std::fs;

use crate::{Call, Result};

/// Gives back the pages of the program's text that were needed only once. Those needed again come from the page cache.
///
/// For a process that has done its work and now waits for days.
pub fn forget_text() -> Result<()> {
    let maps = fs::read_to_string("/proc/self/maps").call(|| "read(/proc/self/maps)".into())?;
    for (start, length) in maps.lines().filter_map(text_of_a_file) {
        // SAFETY: the range is a private mapping of a file, executable and not writable, so no page of it was ever changed:
        // dropping one has no effect but that the kernel reads it from the file when it is next used.
        let r = unsafe { libc::madvise(start as *mut libc::c_void, length, libc::MADV_DONTNEED) };
        if r != 0 {
            return Err(crate::Error::last(format!("madvise({start:#x}, DONTNEED)")));
        }
    }
    Ok(())
}

/// The range of a line of `/proc/self/maps` that is the text of a program or library (proc(5)).
fn text_of_a_file(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_whitespace();
    let (range, permissions, inode) = (fields.next()?, fields.next()?, fields.nth(2)?);
    if permissions != "r-xp" || inode == "0" {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    Some((start, usize::from_str_radix(end, 16).ok()?.checked_sub(start)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_text_only() {
        let text = "7f0000001000-7f0000003000 r-xp 00001000 fe:00 1234   /usr/lib/libc.so.6";
        assert_eq!(text_of_a_file(text), Some((0x7f00_0000_1000, 0x2000)));
        for other in [
            "7f0000001000-7f0000003000 r--p 00001000 fe:00 1234   /usr/lib/libc.so.6",
            "7f0000001000-7f0000003000 rw-p 00001000 fe:00 1234   /usr/lib/libc.so.6",
            "7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0      [vdso]",
            "",
        ] {
            assert_eq!(text_of_a_file(other), None, "{other}");
        }
    }

    #[test]
    fn goes_on_running() {
        forget_text().unwrap();
        assert_eq!("still".len() + 1, 6);
    }
}
