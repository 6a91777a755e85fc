//! Where containers keep their files.
//!
//! - [`Storages`] reads `storage.cfg`; [`Storage`] is what each type of storage does, [`FEATURES`] the table of what it can do.
//! - [`VolumeId`] names a volume: `local:100/vm-100-disk-0.raw`.
//! - [`copy`](copy::copy) makes a full copy, also between storages and formats.
//! - [`mount`] makes a volume, a directory or a device into a mount that is attached nowhere yet.
//! - [`archive`] unpacks templates and backups, hostile ones included.
//!
//! Everything that is made is made under a temporary name and renamed when it is whole. What a killed process left under
//! such a name is removed by the next one that works on the same container, and by [`Storage::clean`].
#![forbid(unsafe_code)]

pub mod archive;
mod btrfs;
mod content;
pub mod copy;
mod dir;
mod error;
mod features;
mod freeze;
mod image;
mod layout;
pub mod mount;
mod program;
mod storage;
mod storages;
mod temp;
mod tree;
pub mod userns;
mod volid;

pub use content::{Content, Item};
pub use error::{Error, Result};
pub use features::{FEATURES, Feature, Row, Source, Support};
pub use freeze::{Freeze, MountedAt, NotMounted};
pub use image::FileSystem;
pub use storage::{Alloc, Size, Status, Storage, VolumeInfo, Where};
pub use storages::{Entry, Error as StoragesError, Settings, Storages};
pub use volid::{Error as VolumeIdError, Format, Image, Name, VolumeId, check_snapshot_name};
