//! Arch Linux.

use super::Distribution;
use crate::guest::Guest;
use crate::network::networkd;
use crate::root::Result;
use crate::{getty, preset, securetty};

pub(super) struct Archlinux;

impl Distribution for Archlinux {
    fn fixup(&self, guest: &mut Guest<'_>) -> Result<()> {
        securetty::write(guest, &[])
    }

    fn init(&self, guest: &mut Guest<'_>) -> Result<()> {
        getty::write(guest)?;
        preset::write(guest, Some(true))
    }

    fn network(&self, guest: &mut Guest<'_>) -> Result<()> {
        networkd::write(guest.root, &guest.settings.interfaces)
    }
}
