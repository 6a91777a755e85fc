//! Sets up the operating system inside a container's root: host name, hosts, network, DNS, init and getty, keys, cron,
//! machine-id, time zone, in the files of each distribution.
//!
//! [`plan`] looks at a [`Root`] and records what is to be changed for an [`Event`]; [`Root::apply`] does it and
//! [`Root::diff`] prints it. Nothing here follows a guest's link to the outside; see [`root`].
#![forbid(unsafe_code)]

mod apply;
mod arch;
pub mod cli;
mod cron;
pub mod detect;
mod diff;
mod distro;
mod error;
mod getty;
mod guest;
mod host;
mod hostname;
mod hosts;
mod inittab;
mod machine_id;
mod markers;
mod network;
mod os;
mod passwd;
mod preset;
mod random;
mod resolv;
pub mod root;
mod securetty;
mod settings;
mod snakeoil;
mod ssh;
mod text;
mod timezone;
mod upstart;

pub use detect::Detected;
pub use error::Error;
pub use guest::{Event, Options, Outcome, Part, plan, plan_parts};
pub use host::Host;
pub use os::{Os, Version};
pub use passwd::Password;
pub use root::{Owner, Root};
pub use settings::{Family, Interface, Settings};
