//! How tools save, operation by operation, from reference/saving.md: with a good text, one that is refused at a line, and
//! one that is refused as a whole.

use super::*;

const TILDE: &str = "nodes/n1/lxc/100.conf~";
const BAK: &str = "nodes/n1/lxc/100.conf.bak";
const TMP: &str = "nodes/n1/lxc/sedaB3dEf";

/// Runs a way of saving with each text. A bad one must report an error and leave the old text, and after a crash too.
fn check(name: &str, way: impl Fn(&Bench, &str) -> Result<(), FsError>) {
    let bench = Bench::with_old();
    way(&bench, GOOD).unwrap_or_else(|error| panic!("{name}: good text: {error}"));
    assert_eq!(bench.read(C).as_deref(), Some(GOOD), "{name}: good text");
    bench.later();
    assert_eq!(bench.read(C).as_deref(), Some(GOOD), "{name}: good text, later");
    assert_eq!(bench.killed().read(C).as_deref(), Some(GOOD), "{name}: good text, killed");
    for bad in [BAD, LACKING] {
        let bench = Bench::with_old();
        assert!(way(&bench, bad).is_err(), "{name}: no error seen for {bad:?}");
        assert_eq!(bench.read(C).as_deref(), Some(OLD), "{name}: {bad:?}");
        bench.later();
        assert_eq!(bench.read(C).as_deref(), Some(OLD), "{name}: {bad:?}, later");
        assert_eq!(bench.rejected()[0].1, bad, "{name}: what was refused is kept");
        assert!(bench.read(".vmlist").unwrap().contains("\"100\""), "{name}: {bad:?}");
        assert_eq!(bench.killed().read(C).as_deref(), Some(OLD), "{name}: {bad:?}, killed");
    }
}

/// Writes, and closes whatever came of it; the first error counts.
fn write_and_close(bench: &Bench, fh: u64, text: &str) -> Result<(), FsError> {
    let written = bench.put(fh, text);
    let closed = bench.close(fh);
    written.and(closed)
}

#[test]
fn redirection_of_a_shell() {
    check("bash >", |bench, text| {
        let fh = bench.open_for_save(C)?;
        bench.fs.flush(fh, bench.who)?;
        let mut result = Ok(());
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let written = bench.fs.write(fh, at, line.as_bytes()).map(drop);
            at += line.len() as u64;
            result = result.and(written);
        }
        let closed = bench.close(fh);
        result.and(closed)
    });
}

#[test]
fn truncate_write_close() {
    check("cat, cp, tee", |bench, text| bench.save(C, text));
}

#[test]
fn truncate_write_fsync_close() {
    check("nano, dd conv=fsync", |bench, text| {
        let fh = bench.open_for_save(C)?;
        let written = bench.put(fh, text);
        let synced = bench.fs.fsync(fh).map(drop);
        let closed = bench.close(fh);
        written.and(synced).and(closed)
    });
}

#[test]
fn unlink_create_write_close() {
    check("install, mv, git, cp --remove-destination", |bench, text| {
        bench.unlink(C)?;
        let fh = bench.create(C)?;
        write_and_close(bench, fh, text)
    });
}

#[test]
fn unlink_create_write_close_and_unlink_after_failure() {
    check("a tool that cleans up", |bench, text| {
        bench.unlink(C)?;
        let fh = bench.create(C)?;
        let result = write_and_close(bench, fh, text);
        if result.is_err() {
            bench.unlink(C)?;
            assert!(bench.ino(C).is_err(), "for the tool it is gone");
            let fh = bench.create(C)?;
            assert!(write_and_close(bench, fh, text).is_err(), "git tries twice");
        }
        result
    });
}

#[test]
fn rename_of_a_temporary() {
    check("sed -i, rsync, ansible", |bench, text| {
        let fh = bench.create(TMP)?;
        write_and_close(bench, fh, text)?;
        bench.rename(TMP, C)
    });
}

#[test]
fn rename_of_a_temporary_before_its_close() {
    check("patch", |bench, text| {
        let fh = bench.create(TMP)?;
        bench.put(fh, text)?;
        let renamed = bench.rename(TMP, C);
        let closed = bench.close(fh);
        renamed.and(closed)
    });
}

#[test]
fn rename_of_a_stored_file_before_its_close() {
    check("a temporary name we do not know", |bench, text| {
        let fh = bench.create("nodes/n1/lxc/100.conf.new")?;
        bench.put(fh, text)?;
        let renamed = bench.rename("nodes/n1/lxc/100.conf.new", C);
        let closed = bench.close(fh);
        renamed.and(closed)
    });
}

#[test]
fn rename_away_then_rename_of_a_temporary() {
    check("sed -i.bak, perl -i.bak", |bench, text| {
        let fh = bench.create(TMP)?;
        write_and_close(bench, fh, text)?;
        bench.rename(C, BAK)?;
        let result = bench.rename(TMP, C);
        assert_eq!(bench.read(BAK).as_deref(), Some(OLD));
        result
    });
}

#[test]
fn rename_away_create_write_and_back_after_failure() {
    check("vim", |bench, text| {
        bench.rename(C, TILDE)?;
        let fh = bench.create(C)?;
        let written = bench.put(fh, text);
        let synced = bench.fs.fsync(fh).map(drop);
        let closed = bench.close(fh);
        let result = written.and(synced).and(closed);
        match &result {
            Ok(()) => bench.unlink(TILDE)?,
            Err(_) => bench.rename(TILDE, C)?,
        }
        assert_eq!(bench.list("nodes/n1/lxc"), ["100.conf"]);
        result
    });
}

#[test]
fn rename_away_create_write_and_nothing_after_failure() {
    check("an editor that dies", |bench, text| {
        bench.rename(C, TILDE)?;
        let fh = bench.create(C)?;
        write_and_close(bench, fh, text)
    });
}

#[test]
fn truncate_by_handle_write_fsync() {
    check("vim backupcopy=yes", |bench, text| {
        let fh = bench.open(C, write())?;
        bench.fs.setattr(bench.ino(C)?, Some(fh), Some(0), None, bench.who)?;
        let written = bench.put(fh, text);
        let synced = bench.fs.fsync(fh).map(drop);
        let closed = bench.close(fh);
        written.and(synced).and(closed)
    });
}

#[test]
fn write_in_place_and_cut() {
    check("rsync --inplace", |bench, text| {
        let fh = bench.open(C, write())?;
        let written = bench.put(fh, text);
        let cut =
            bench.fs.setattr(bench.ino(C)?, Some(fh), Some(text.len() as u64), None, bench.who);
        let closed = bench.close(fh);
        written.and(cut.map(drop)).and(closed)
    });
}

#[test]
fn appends_of_several_processes_are_all_there() {
    let bench = Bench::with_old();
    let handles: Vec<u64> = (0..5).map(|_| bench.open(C, append()).unwrap()).collect();
    for (index, fh) in handles.iter().enumerate() {
        // The kernel's idea of the end is as old as the open.
        bench.fs.write(*fh, OLD.len() as u64, format!("n: {index}\n").as_bytes()).unwrap();
    }
    for fh in handles {
        bench.close(fh).unwrap();
    }
    assert_eq!(bench.read(C).unwrap(), format!("{OLD}n: 0\nn: 1\nn: 2\nn: 3\nn: 4\n"));
}

#[test]
fn a_refused_append_takes_nothing_with_it() {
    let bench = Bench::with_old();
    let fh = bench.open(C, append()).unwrap();
    assert!(write_and_close(&bench, fh, "BAD\n").is_err());
    let fh = bench.open(C, append()).unwrap();
    write_and_close(&bench, fh, "fine: 1\n").unwrap();
    assert_eq!(bench.read(C).unwrap(), format!("{OLD}fine: 1\n"));
}

#[test]
fn a_crash_between_removal_and_close_leaves_the_old_text() {
    for away in [None, Some(TILDE), Some(BAK)] {
        let bench = Bench::with_old();
        match away {
            None => bench.unlink(C).unwrap(),
            Some(name) => bench.rename(C, name).unwrap(),
        }
        let fh = bench.create(C).unwrap();
        assert_eq!(bench.read(C).unwrap(), OLD, "readers have it again at once");
        bench.put(fh, GOOD).unwrap();
        assert_eq!(bench.killed().read(C).unwrap(), OLD, "{away:?}");
    }
}
