//! The table of what each type can do tells the truth: everything in it is tried.

mod common;

use common::{Host, MIB, isolate, named, run};
use ct_storage::copy::{Target, copy};
use ct_storage::{
    Alloc, FEATURES, Feature, Format, NotMounted, Result, Row, Source, Storage, Support, VolumeId,
};

/// A volume in the state that `source` says, if there is such a state here.
fn prepare(storage: &dyn Storage, format: Format, source: Source) -> Result<VolumeId> {
    let size = if format == Format::Raw { 16 * MIB } else { 0 };
    let volume = storage.alloc(&Alloc { owner: 100, size, format: Some(format), root: (0, 0) })?;
    match source {
        Source::Current => Ok(volume),
        Source::Snapshot => storage
            .snapshot(&volume, "snap", &NotMounted)
            .map(|()| volume.clone())
            .inspect_err(|_| {
                storage.free(&volume).unwrap();
            }),
        Source::Base => storage.to_base(&volume),
    }
}

fn act(storage: &dyn Storage, volume: &VolumeId, feature: Feature, source: Source) -> Result<()> {
    let snapshot = (source == Source::Snapshot).then_some("snap");
    match feature {
        Feature::Snapshot => storage.snapshot(volume, "other", &NotMounted),
        Feature::Clone => storage.clone_linked(volume, snapshot, 101).map(drop),
        Feature::Copy => {
            copy(storage, volume, snapshot, &Target { storage, owner: 101, format: None, size: 0 })
                .map(drop)
        }
        Feature::Template => storage.to_base(volume).map(drop),
        Feature::Rename => storage.rename(volume, 101).map(drop),
        Feature::Resize => storage.resize(volume, 32 * MIB).map(drop),
    }
}

#[test]
fn everything_is_as_the_table_says() {
    if !isolate() {
        return;
    }
    for host in Host::all() {
        let kinds: &[&str] = if host.kind == "btrfs" { &["dir", "btrfs"] } else { &["dir"] };
        for kind in kinds {
            let storage = named("test", &host.dir.join(kind), kind, "");
            storage.activate().unwrap();
            if *kind == "btrfs" {
                // The last kind here, so that the others were tried without.
                run(std::process::Command::new("btrfs").args(["quota", "enable"]).arg(&host.dir));
            }
            let rows: Vec<&Row> = FEATURES.iter().filter(|row| row.kind == *kind).collect();
            assert_eq!(rows.len(), 12);
            for row in rows {
                for source in [Source::Current, Source::Snapshot, Source::Base] {
                    // Of a volume that has snapshots these are always refused; there is no such operation on the snapshot.
                    let of_volume = matches!(
                        row.feature,
                        Feature::Snapshot | Feature::Template | Feature::Rename | Feature::Resize
                    );
                    if of_volume && source == Source::Snapshot {
                        assert_eq!(row.from(source), Support::No);
                        continue;
                    }
                    let what = format!(
                        "{kind} on {}: {:?} {} from {source:?}",
                        host.kind, row.feature, row.format
                    );
                    let can = storage.can(row.feature, row.format, source);
                    let result = prepare(&*storage, row.format, source)
                        .and_then(|volume| act(&*storage, &volume, row.feature, source));
                    assert_eq!(result.is_ok(), can, "{what}: {result:?}");
                    match row.from(source) {
                        Support::Yes => assert!(can, "{what}"),
                        Support::No => assert!(!can, "{what}"),
                        Support::Reflink => {
                            assert_eq!(can, matches!(host.kind, "xfs" | "btrfs"), "{what}");
                        }
                        Support::Quota => assert!(can, "{what}"),
                    }
                    for info in storage.list(None).unwrap() {
                        storage.free(&info.volume).unwrap();
                    }
                }
            }
        }
        host.check_no_loops();
    }
}
