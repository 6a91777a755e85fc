//! What is done to a guest, and when.

use crate::detect::{Detected, detect};
use crate::distro::{self, Distribution};
use crate::error::Error;
use crate::host::Host;
use crate::os::{Os, Version};
use crate::passwd::{self, Password};
use crate::root::{Result as RootResult, Root};
use crate::settings::Settings;
use crate::{cron, machine_id, resolv, snakeoil, ssh};

/// Why a guest is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was made from a template.
    Create,
    /// It is about to start.
    Start,
    /// It is a copy of another.
    Clone,
    /// It came from a backup.
    Restore,
}

/// What follows the configuration while a guest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Terminals and shutdown.
    Init,
    /// Interfaces.
    Network,
    /// Host name and `/etc/hosts`.
    Hostname,
    /// `/etc/resolv.conf`.
    Dns,
    /// Time zone.
    Timezone,
}

const ALL: [Part; 5] = [Part::Init, Part::Network, Part::Hostname, Part::Dns, Part::Timezone];

/// What does not come from the configuration.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The host's settings.
    pub host: Host,
    /// Root's password, for [`Event::Create`].
    pub password: Option<Password>,
    /// Public keys that let in, for [`Event::Create`].
    pub ssh_keys: Option<String>,
    /// Minutes for cron jobs in the order of their lines, over and over; random ones if there are none.
    pub cron_minutes: Vec<u8>,
    /// Stands for every UUID that would be made.
    pub uuid: Option<String>,
    /// Nothing will be applied: make nothing that is expensive to make.
    pub dry_run: bool,
    /// Days since 1970, for the age of the password.
    pub today: u64,
}

/// What came of planning.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the guest is; `None` for `ostype: unmanaged`, which is not looked at.
    pub detected: Option<Detected>,
    /// What a dry run would do besides the changes of the root.
    pub notes: Vec<String>,
}

/// A guest while it is set up.
pub(crate) struct Guest<'a> {
    pub(crate) root: &'a mut Root,
    pub(crate) settings: &'a Settings,
    pub(crate) options: &'a Options,
    pub(crate) version: Version,
    pub(crate) openeuler: bool,
    /// Whether its init is systemd.
    pub(crate) systemd: bool,
    pub(crate) notes: Vec<String>,
}

impl<'a> Guest<'a> {
    fn new(
        root: &'a mut Root,
        settings: &'a Settings,
        options: &'a Options,
        found: &Detected,
    ) -> Self {
        let systemd = has_systemd(root);
        Self {
            root,
            settings,
            options,
            version: found.version,
            openeuler: found.openeuler,
            systemd,
            notes: Vec::new(),
        }
    }

    /// Search domains: of the configuration, else of the host.
    pub(crate) fn search(&self) -> &'a [String] {
        let own = &self.settings.search;
        if own.is_empty() { &self.options.host.search } else { own }
    }

    /// Name servers: of the configuration, else of the host.
    pub(crate) fn nameservers(&self) -> &'a [String] {
        let own = &self.settings.nameservers;
        if own.is_empty() { &self.options.host.nameservers } else { own }
    }

    /// Whether systemd-networkd is installed.
    pub(crate) fn has_networkd(&self) -> bool {
        let dirs = ["usr/lib", "lib"];
        dirs.iter().any(|dir| self.root.is_file(&format!("{dir}/systemd/systemd-networkd")))
    }

    fn part(&mut self, distribution: &dyn Distribution, part: Part) -> RootResult<()> {
        match part {
            Part::Init => distribution.init(self),
            Part::Network => distribution.network(self),
            Part::Hostname => distribution.hostname(self),
            Part::Dns => resolv::write(self),
            Part::Timezone => distribution.timezone(self),
        }
    }
}

/// Whether `/sbin/init` is systemd; where it cannot be told, whether systemd is installed.
fn has_systemd(root: &Root) -> bool {
    if let Ok(Some(target)) = root.link("sbin/init") {
        return target.contains("systemd");
    }
    let dirs = ["usr/lib", "lib"];
    !root.is_file("sbin/init")
        && dirs.iter().any(|dir| root.is_file(&format!("{dir}/systemd/systemd")))
}

/// Plans in `root` all that an event needs.
pub fn plan(
    root: &mut Root,
    settings: &Settings,
    options: &Options,
    event: Event,
) -> Result<Outcome, Error> {
    let strict = matches!(event, Event::Create | Event::Start);
    run(root, settings, options, strict, |guest, distribution| {
        match event {
            Event::Clone => machine_id::clone(guest)?,
            Event::Restore => distribution.fixup(guest)?,
            Event::Create => {
                machine_id::create(guest)?;
                snakeoil::write(guest)?;
                distribution.fixup(guest)?;
                cron::randomise(guest)?;
                passwd::write(guest)?;
                ssh::authorized_keys(guest)?;
            }
            // Tells old inits not to check file systems, which are the host's business.
            Event::Start => guest.root.edit("fastboot", 0o644, |old| match old {
                Some(_) => None,
                None => Some(String::new()),
            })?,
        }
        if strict {
            for part in ALL {
                guest.part(distribution, part)?;
            }
        }
        if event == Event::Create {
            ssh::host_keys(guest)?;
        }
        Ok(())
    })
}

/// Plans in `root` what has changed in the configuration of a guest that runs.
pub fn plan_parts(
    root: &mut Root,
    settings: &Settings,
    options: &Options,
    parts: &[Part],
) -> Result<Outcome, Error> {
    run(root, settings, options, true, |guest, distribution| {
        for part in parts {
            guest.part(distribution, *part)?;
        }
        Ok(())
    })
}

fn run(
    root: &mut Root,
    settings: &Settings,
    options: &Options,
    strict: bool,
    work: impl FnOnce(&mut Guest<'_>, &dyn Distribution) -> Result<(), Error>,
) -> Result<Outcome, Error> {
    if settings.os == Some(Os::Unmanaged) {
        return Ok(Outcome { detected: None, notes: Vec::new() });
    }
    if root.is_own() {
        return Err(Error::OwnRoot);
    }
    let detected = detect(root)?;
    let found = detected.os;
    if let Some(wanted) = settings.os.filter(|wanted| *wanted != found) {
        if strict {
            return Err(Error::Mismatch { wanted, found });
        }
        root.warn(format!("the configuration says ostype {wanted}, but the guest is {found}"));
    }
    let mut guest = Guest::new(root, settings, options, &detected);
    if let Some(distribution) = distro::of(found) {
        work(&mut guest, distribution)?;
    }
    let notes = guest.notes;
    Ok(Outcome { detected: Some(detected), notes })
}
