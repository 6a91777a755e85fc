//! `/etc/resolv.conf`.
//!
//! A link there, such as systemd-resolved's to `/run`, leads to something that exists only while the guest runs. As in
//! the reference a file takes its place; systemd-resolved then reads that file.

use crate::guest::Guest;
use crate::markers::{self, Where};
use crate::root::Result;

/// Plans our part of the file; it replaces a file that has none.
pub(crate) fn write(guest: &mut Guest<'_>) -> Result<()> {
    let mut data = String::new();
    if !guest.search().is_empty() {
        data.push_str(&format!("search {}\n", guest.search().join(" ")));
    }
    for server in guest.nameservers() {
        data.push_str(&format!("nameserver {server}\n"));
    }
    markers::modify(guest.root, "etc/resolv.conf", &data, Where::Replace)
}
