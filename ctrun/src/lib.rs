//! Runs system containers described by Proxmox VE configuration files.
//!
//! `ctrun start` leaves one small process per container, its *supervisor* ([`supervisor`]). It makes the container
//! ([`start`]), in which [`init`] runs until it executes the guest's own init, and takes it apart afterwards
//! ([`teardown`]). What it has made stands in a [`record`] below `/run`, so that a container can also be taken apart
//! by somebody else. All other commands ([`commands`]) talk to it through a socket ([`control`]).

#![forbid(unsafe_code)]

pub mod cgroup;
pub mod commands;
pub mod control;
pub mod ctid;
pub mod dev;
pub mod failure;
pub mod idmap;
pub mod init;
pub mod network;
pub mod record;
pub mod relay;
pub mod seal;
pub mod seccomp;
pub mod settings;
pub mod snapshot;
pub mod spec;
pub mod start;
pub mod supervisor;
pub mod teardown;
pub mod volume;
