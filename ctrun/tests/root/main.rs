//! Containers that really run: needs root, busybox-static and cgroups. What cannot be tried here says so on standard error.

mod console;
mod escape;
mod failure;
mod leftovers;
mod lifecycle;
mod limits;
mod mounts;
mod network;
mod support;
mod systemd;
