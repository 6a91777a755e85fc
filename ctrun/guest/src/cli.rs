//! The command `guest-setup`: what a container's start does to its root, on any directory.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use pve_config::{Config, Document};

use crate::{Error, Event, Host, Options, Owner, Password, Root, Settings, plan};

/// Set up the operating system in a container's root directory, as creating or starting the container does
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What has happened to the container
    #[arg(long, value_enum)]
    pub event: EventName,
    /// ID of the container
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=999_999_999))]
    pub vmid: u32,
    /// Configuration of the container
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Root directory of the container
    #[arg(long, value_name = "DIR")]
    pub rootfs: PathBuf,
    /// Print a diff of what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Hash of root's password, for the event `create`; without it no password lets in
    #[arg(long, value_name = "HASH")]
    pub password_hash: Option<String>,
    /// File of public keys that let in as root, for the event `create`
    #[arg(long, value_name = "FILE")]
    pub ssh_public_keys: Option<PathBuf>,
    /// Name servers in place of the host's own
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub host_nameservers: Option<Vec<std::net::IpAddr>>,
    /// Search domains in place of the host's own
    #[arg(long, value_name = "D", value_delimiter = ',')]
    pub host_searchdomain: Option<Vec<String>>,
    /// Minutes for cron jobs in the order of their lines, in place of random ones
    #[arg(long, value_name = "M,N", value_delimiter = ',', value_parser = clap::value_parser!(u8).range(0..60))]
    pub cron_minutes: Vec<u8>,
    /// UUID to use for every one that would be made
    #[arg(long, value_name = "U")]
    pub uuid: Option<String>,
}

/// The names of events.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum EventName {
    /// It was made from a template
    Create,
    /// It is about to start
    Start,
    /// It is a copy of another
    Clone,
    /// It came from a backup
    Restore,
}

impl From<EventName> for Event {
    fn from(name: EventName) -> Self {
        match name {
            EventName::Create => Self::Create,
            EventName::Start => Self::Start,
            EventName::Clone => Self::Clone,
            EventName::Restore => Self::Restore,
        }
    }
}

fn read(path: &std::path::Path) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|source| Error::Host { operation: format!("read {}", path.display()), source })
}

fn options(args: &Args) -> Result<Options, Error> {
    let mut host = Host::read();
    if let Some(servers) = &args.host_nameservers {
        host.nameservers = servers.iter().map(ToString::to_string).collect();
    }
    if let Some(search) = &args.host_searchdomain {
        host.search = search.iter().filter(|domain| !domain.is_empty()).cloned().collect();
    }
    let hex = |c: char| c == '-' || c.is_ascii_hexdigit();
    if let Some(uuid) =
        args.uuid.as_deref().filter(|uuid| uuid.len() != 36 || !uuid.chars().all(hex))
    {
        return Err(Error::Usage(format!("{uuid:?} is no UUID")));
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Options {
        host,
        password: args.password_hash.clone().map(Password::Hash),
        ssh_keys: args.ssh_public_keys.as_deref().map(read).transpose()?,
        cron_minutes: args.cron_minutes.clone(),
        uuid: args.uuid.clone(),
        dry_run: args.dry_run,
        today: since.as_secs() / 86400,
    })
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    let document = Document::parse(read(&args.config)?);
    let mut settings = Settings::from_config(&Config::new(&document, document.main()));
    if !rustix::process::geteuid().is_root() {
        // Only root can give files away.
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        settings.owner = Owner { uid: uid.as_raw(), gid: gid.as_raw() };
    }
    let options = options(args)?;
    let mut root = Root::open(&args.rootfs, settings.owner)?;
    let outcome = plan(&mut root, &settings, &options, args.event.into())?;
    for warning in root.warnings() {
        eprintln!("warning: container {}: {warning}", args.vmid);
    }
    if args.dry_run {
        let mut text = root.diff();
        for note in outcome.notes {
            text.push_str(&note);
            text.push('\n');
        }
        std::io::stdout()
            .write_all(text.as_bytes())
            .map_err(|source| Error::Host { operation: "print the changes".into(), source })?;
    } else {
        root.apply()?;
    }
    Ok(ExitCode::SUCCESS)
}
