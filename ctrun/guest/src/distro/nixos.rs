//! NixOS.
//!
//! Most of `/etc` leads into the store there, which is shared by all generations and must not change.

use super::Distribution;
use crate::guest::Guest;
use crate::network::networkd;
use crate::root::Result;
use crate::{hostname, hosts};

pub(super) struct Nixos;

impl Distribution for Nixos {
    fn init(&self, _guest: &mut Guest<'_>) -> Result<()> {
        Ok(())
    }

    fn network(&self, guest: &mut Guest<'_>) -> Result<()> {
        let path = "etc/systemd/network";
        // The nearest directory that exists says where the files would go.
        let mut near = path;
        while !near.is_empty() && !guest.root.is_dir(near) {
            near = near.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        if guest.root.real_path(near).is_some_and(|real| real.starts_with("/nix/store")) {
            guest.root.warn(format!(
                "/{path} in the guest is in the store: it sets up its network itself"
            ));
            return Ok(());
        }
        networkd::write(guest.root, &guest.settings.interfaces)
    }

    fn hostname(&self, guest: &mut Guest<'_>) -> Result<()> {
        hostname::short(guest)?;
        hosts::write(guest)
    }

    fn timezone(&self, _guest: &mut Guest<'_>) -> Result<()> {
        Ok(())
    }
}
