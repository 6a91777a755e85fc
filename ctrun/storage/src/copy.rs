//! Full copies of volumes, also from one storage to another and from one format to the other.

use std::fs::File;

use crate::error::{Error, Result, Trying, show};
use crate::features::{Feature, Source};
use crate::layout::Preallocation;
use crate::mount::{self, Options};
use crate::storage::{Storage, Where};
use crate::volid::{Format, VolumeId};
use crate::{image, tree};

/// Where a copy goes.
#[derive(Debug)]
pub struct Target<'a> {
    /// The storage.
    pub storage: &'a dyn Storage,
    /// The container that the copy is for.
    pub owner: u32,
    /// The format of the copy; if nothing is said, that of what is copied.
    pub format: Option<Format>,
    /// How large an image is made from a directory, in bytes. An image made from an image is as large as that.
    pub size: u64,
}

/// Copies a volume, or a snapshot of it, with all that its files have. The volume must not be in use; a snapshot may.
///
/// Images are copied as they are, without their holes, or share their blocks with the copy where the file system can.
/// Directories are copied by GNU tar, or by a snapshot within one btrfs.
pub fn copy(
    from: &dyn Storage,
    volume: &VolumeId,
    snapshot: Option<&str>,
    to: &Target<'_>,
) -> Result<VolumeId> {
    let place = from.locate(volume, snapshot)?;
    let format = match place {
        Where::Image { .. } => Format::Raw,
        Where::Tree { .. } => Format::Subvol,
    };
    let wanted = to.format.unwrap_or(format);
    let what = format!("copy {volume} to the storage `{}`", to.storage.name());
    from.check(Feature::Copy, volume, format, source(volume, snapshot))?;
    if let Where::Image { path, fixed: false } = &place {
        image::check_unused(&what, path)?;
    }
    to.storage.activate()?;
    if from.name() == to.storage.name()
        && wanted == format
        && let Some(made) = from.clone_full(volume, snapshot, to.owner)?
    {
        return Ok(made);
    }
    match (&place, wanted) {
        (Where::Image { path, .. }, Format::Raw) => {
            to.storage.create_with(to.owner, wanted, &mut |new| {
                image::copy(path, new)?;
                // What a crash left on the original does not hold for the copy, which is nobody's yet.
                image::clear_in_use(new)
            })
        }
        (_, Format::Subvol) => to.storage.create_with(to.owner, wanted, &mut |new| {
            let opened = mount::volume(&place, &Options::read_only())?;
            let new_dir = File::open(new).trying(|| format!("open {}", show(new)))?;
            tree::copy(&what, &opened.root()?, &new_dir)?;
            tree::sync_all(&new_dir, new)
        }),
        (Where::Tree { .. }, Format::Raw) => {
            if to.size == 0 {
                let why = "a directory becomes an image only with a size".into();
                return Err(Error::NotPossible { what, why });
            }
            to.storage.create_with(to.owner, wanted, &mut |new| {
                image::make(new, to.size, (0, 0), Preallocation::Off)?;
                let opened = mount::volume(&place, &Options::read_only())?;
                let image = Where::Image { path: new.to_owned(), fixed: false };
                let mounted = mount::volume(&image, &Options::default())?;
                let copied = tree::copy(&what, &opened.root()?, &mounted.root()?)
                    .and_then(|()| Ok(mounted.close()?));
                // What a file system in an image says when there is nothing below it any more tells nobody the reason.
                copied.map_err(|error| match to.storage.status() {
                    Ok(room) if room.available < ALMOST_NONE => {
                        Error::Full { what: what.clone(), storage: to.storage.name().into() }
                    }
                    _ => error,
                })
            })
        }
    }
}

/// Bytes.
const ALMOST_NONE: u64 = 1 << 20;

fn source(volume: &VolumeId, snapshot: Option<&str>) -> Source {
    let is_base = || volume.name().rsplit('/').next().is_some_and(|file| file.starts_with("base"));
    match snapshot {
        Some(_) => Source::Snapshot,
        None if is_base() => Source::Base,
        None => Source::Current,
    }
}
