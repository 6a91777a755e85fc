//! The files in which distributions keep their network configuration.

pub(crate) mod ifcfg;
pub(crate) mod interfaces;
pub(crate) mod keyfile;
pub(crate) mod networkd;
