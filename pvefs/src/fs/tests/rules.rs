//! The twelve rules of design §4, one after the other.

use super::*;

#[test]
fn rule_1_readers_see_the_committed_text_whole() {
    let bench = Bench::with_old();
    let before = bench.open(C, OpenMode::default()).unwrap();
    let fh = bench.open(C, OpenMode { truncate: true, ..write() }).unwrap();
    assert_eq!(bench.read(C).unwrap(), OLD, "O_TRUNC touches the stage alone");
    bench.put(fh, "ok\nnew").unwrap();
    assert_eq!(bench.read(C).unwrap(), OLD);
    assert_eq!(bench.stat(C).unwrap().size, OLD.len() as u64);
    let own = bench.fs.getattr(bench.ino(C).unwrap(), Some(fh), bench.who).unwrap();
    assert_eq!((own.size, own.stable), (6, false), "its owner sees the stage, for the moment");
    let fstat = bench.fs.getattr(bench.ino(C).unwrap(), None, bench.who).unwrap();
    assert_eq!((fstat.size, fstat.stable), (6, false), "and fstat comes without a handle");
    bench.fs.write(fh, 6, b": 2\n").unwrap();
    bench.fs.flush(fh, bench.who).unwrap();
    assert_eq!(bench.read(C).unwrap(), GOOD);
    assert_eq!(bench.read_handle(before), OLD, "whoever opened before has what he opened");
}

#[test]
fn rule_2_a_wrong_line_is_refused_at_write_and_poisons_the_handle() {
    let bench = Bench::with_old();
    let fh = bench.open_for_save(C).unwrap();
    bench.put(fh, "ok\nB").unwrap();
    assert_eq!(errno(bench.fs.write(fh, 4, b"AD\n")), Errno::INVAL);
    assert_eq!(errno(bench.fs.write(fh, 7, b"fine: 1\n")), Errno::INVAL);
    assert_eq!(errno(bench.fs.fsync(fh)), Errno::INVAL);
    assert_eq!(errno(bench.fs.flush(fh, bench.who)), Errno::INVAL);
    bench.fs.release(fh);
    assert_eq!(bench.read(C).unwrap(), OLD);
    let [(path, text, reasons)] = &bench.rejected()[..] else { panic!("one is kept") };
    assert_eq!((path.as_str(), text.as_str()), (C, "ok\nBAD\nfine: 1\n"), "all that was written");
    assert_eq!(reasons, "a bad line\nin detail\n");
}

#[test]
fn rule_2_a_line_that_was_wrong_before_may_stay() {
    let bench = Bench::new();
    let path: TreePath = C.parse().unwrap();
    let put = pvefs_store::Change::Put { path, data: b"ok\nBAD: 0\n"[..].into() };
    let commit = pvefs_store::Commit { changes: vec![put], ..Default::default() };
    bench.fs.store().commit(commit).unwrap();
    let fh = bench.open_for_save(C).unwrap();
    bench.put(fh, "ok\nBAD: 0\n").unwrap();
    assert!(bench.fs.write(fh, 10, b"BAD: 1\n").is_err());
}

#[test]
fn rule_3_a_flush_before_the_first_write_commits_nothing() {
    let bench = Bench::with_old();
    let fh = bench.open_for_save(C).unwrap();
    bench.fs.flush(fh, bench.who).unwrap();
    assert_eq!(bench.read(C).unwrap(), OLD);
    bench.put(fh, GOOD).unwrap();
    assert_eq!(bench.read(C).unwrap(), OLD);
    bench.fs.flush(fh, bench.who).unwrap();
    assert_eq!(bench.read(C).unwrap(), GOOD);
    let revisions = bench.history();
    bench.fs.flush(fh, bench.who).unwrap();
    bench.fs.fsync(fh).unwrap();
    assert_eq!(bench.history(), revisions, "nothing new, no commit");
}

#[test]
fn rule_3_nothing_is_committed_at_release() {
    let bench = Bench::with_old();
    let fh = bench.open_for_save(C).unwrap();
    bench.put(fh, GOOD).unwrap();
    bench.fs.release(fh);
    assert_eq!(bench.read(C).unwrap(), OLD);
}

#[test]
fn rule_3_fsync_commits_and_reports() {
    let bench = Bench::with_old();
    let fh = bench.open_for_save(C).unwrap();
    bench.put(fh, LACKING).unwrap();
    assert_eq!(errno(bench.fs.fsync(fh)), Errno::INVAL);
    assert_eq!(
        errno(bench.fs.flush(fh, bench.who)),
        Errno::INVAL,
        "as long as the text is the same"
    );
    bench.fs.write(fh, LACKING.len() as u64, b"ok\n").unwrap();
    bench.fs.fsync(fh).unwrap();
    assert_eq!(bench.read(C).unwrap(), "new: 2\nok\n");
}

#[test]
fn rule_3_a_flush_in_the_middle_does_not_spoil_the_rest() {
    // { echo new: 2; ls; echo ok; } > FILE
    let bench = Bench::with_old();
    let fh = bench.open_for_save(C).unwrap();
    bench.put(fh, LACKING).unwrap();
    assert!(bench.fs.flush(fh, bench.who).is_err());
    bench.fs.write(fh, 7, b"ok\n").unwrap();
    bench.close(fh).unwrap();
    assert_eq!(bench.read(C).unwrap(), "new: 2\nok\n");
}

#[test]
fn rule_3_a_new_file_whose_text_is_refused_is_not_there() {
    for bad in [BAD, LACKING] {
        let bench = Bench::new();
        let fh = bench.create(C).unwrap();
        assert!(bench.put(fh, bad).and_then(|()| bench.fs.flush(fh, bench.who).map(drop)).is_err());
        assert_eq!(bench.read(C), None, "not there yet");
        let other = "nodes/n1/qemu-server/100.conf";
        assert!(bench.create(other).is_err(), "the number is taken as long as it is being made");
        let ino = bench.ino(C).unwrap();
        bench.fs.release(fh);
        assert!(bench.ino(C).is_err(), "there is no file");
        assert_eq!(bench.list("nodes/n1/lxc"), [""; 0]);
        let gone = |effect: &Effect| matches!(effect, Effect::Gone(_, of, _) if *of == ino);
        assert!(bench.effects.lock().iter().any(gone), "and the kernel is told");
        assert_eq!(bench.rejected()[0].1, bad, "what was refused is kept");
        bench.create(other).unwrap();
    }
    let bench = Bench::new();
    let fh = bench.create(C).unwrap();
    let second = bench.open(C, write()).unwrap();
    assert!(bench.put(fh, BAD).and(bench.close(fh)).is_err());
    assert!(
        bench.put(second, GOOD).and(bench.close(second)).is_ok(),
        "someone else has it open too"
    );
    assert_eq!(bench.read(C).unwrap(), GOOD);
    let fh = bench.create("nodes/n1/lxc/101.conf").unwrap();
    bench.close(fh).unwrap();
    assert_eq!(bench.read("nodes/n1/lxc/101.conf").unwrap(), "", "touch makes an empty file");
}

#[test]
fn rule_4_a_rename_onto_a_configuration_is_judged() {
    let bench = Bench::with_old();
    for temporary in ["nodes/n1/lxc/sedaB3dEf", "nodes/n1/lxc/100.conf.new"] {
        bench.save(temporary, LACKING).unwrap();
        let error = bench.rename(temporary, C);
        assert_eq!(errno(error), Errno::BADMSG);
        assert_eq!(bench.read(C).unwrap(), OLD);
        assert_eq!(bench.read(temporary).unwrap(), LACKING, "the source stays");
        bench.save(temporary, GOOD).unwrap();
        bench.rename(temporary, C).unwrap();
        assert_eq!(bench.read(C).unwrap(), GOOD);
        assert_eq!(bench.list("nodes/n1/lxc"), ["100.conf"]);
        bench.save(C, OLD).unwrap();
    }
}

#[test]
fn rule_5_truncation_alone_empties_no_configuration() {
    let bench = Bench::with_old();
    let ino = bench.ino(C).unwrap();
    let fh = bench.open_for_save(C).unwrap();
    bench.close(fh).unwrap();
    assert_eq!(bench.read(C).unwrap(), OLD, ": > FILE");
    assert_eq!(errno(bench.fs.setattr(ino, None, Some(0), None, bench.who)), Errno::PERM);
    let fh = bench.open(C, write()).unwrap();
    bench.fs.setattr(ino, Some(fh), Some(0), None, bench.who).unwrap();
    assert_eq!(errno(bench.fs.flush(fh, bench.who)), Errno::PERM, "truncate -s 0");
    bench.put(fh, GOOD).unwrap();
    bench.fs.flush(fh, bench.who).unwrap();
    assert_eq!(bench.read(C).unwrap(), GOOD, "vim truncates through its handle");
}

#[test]
fn rule_5_cutting_to_a_good_text_commits() {
    let bench = Bench::with_old();
    let ino = bench.ino(C).unwrap();
    assert_eq!(errno(bench.fs.setattr(ino, None, Some(1), None, bench.who)), Errno::INVAL);
    assert_eq!(bench.read(C).unwrap(), OLD);
    bench.fs.setattr(ino, None, Some(3), None, bench.who).unwrap();
    assert_eq!(bench.read(C).unwrap(), "ok\n");
}

#[test]
fn rule_6_removal_is_durable_at_once_but_announced_later() {
    let bench = Bench::with_old();
    bench.unlink(C).unwrap();
    assert_eq!(bench.read(C), None);
    assert!(bench.fs.store().stat(&C.parse().unwrap()).unwrap().is_none(), "kill -9 keeps it so");
    assert_eq!(bench.pokes(), 0);
    assert!(bench.read(".vmlist").unwrap().contains("\"100\""));
    bench.later();
    assert_eq!(bench.pokes(), 1);
    assert!(!bench.read(".vmlist").unwrap().contains("\"100\""));
}

#[test]
fn rule_6_moving_away_alone_works_and_lasts() {
    let bench = Bench::with_old();
    bench.rename(C, "nodes/n1/lxc/100.conf.bak").unwrap();
    assert_eq!(bench.list("nodes/n1/lxc"), ["100.conf.bak"]);
    bench.later();
    assert_eq!(bench.list("nodes/n1/lxc"), ["100.conf.bak"]);
    assert_eq!(bench.pokes(), 1);
    let bench = bench.killed();
    assert_eq!(bench.read("nodes/n1/lxc/100.conf.bak").unwrap(), OLD);
    assert_eq!(bench.read(C), None);
}

#[test]
fn rule_6_a_crash_never_loses_a_text_that_was_moved_away() {
    for name in ["nodes/n1/lxc/100.conf.bak", "nodes/n1/lxc/100.conf~"] {
        let bench = Bench::with_old();
        bench.rename(C, name).unwrap();
        assert_eq!(bench.killed().read(C).unwrap(), OLD, "{name}: killed within the moment");
        let bench = Bench::with_old();
        bench.rename(C, name).unwrap();
        bench.later();
        let bench = bench.killed();
        assert_eq!(bench.read(name).unwrap(), OLD, "{name}: killed later");
        assert_eq!(bench.read(C), None);
    }
}

#[test]
fn rule_6_fsync_of_the_directory_ends_the_moment() {
    let bench = Bench::with_old();
    bench.rename(C, "nodes/n1/lxc/100.conf.bak").unwrap();
    bench.fs.fsyncdir(bench.ino("nodes/n1/lxc").unwrap()).unwrap();
    assert_eq!(bench.killed().read(C), None);
}

#[test]
fn rule_7_temporary_names_live_in_memory_and_all_others_are_stored() {
    let bench = Bench::new();
    bench.save("nodes/n1/lxc/.100.conf.swp", "swap").unwrap();
    bench.save("nodes/n1/lxc/100.conf.bak", BAD).unwrap();
    bench.save("notes", "").unwrap();
    assert_eq!(bench.list("nodes/n1/lxc"), [".100.conf.swp", "100.conf.bak"]);
    let bench = bench.killed();
    assert_eq!(bench.list("nodes/n1/lxc"), ["100.conf.bak"]);
    assert_eq!(bench.read("nodes/n1/lxc/100.conf.bak").unwrap(), BAD);
    assert_eq!(bench.read("notes").unwrap(), "");
}

#[test]
fn rule_8_times_are_kept_and_belong_to_the_text() {
    use std::time::SystemTime;
    let bench = Bench::with_old();
    let (ino, time) = (bench.ino(C).unwrap(), SystemTime::UNIX_EPOCH + Duration::from_secs(9));
    let fh = bench.open_for_save(C).unwrap();
    bench.put(fh, GOOD).unwrap();
    bench.fs.setattr(ino, None, None, Some(time), bench.who).unwrap();
    assert_ne!(bench.stat(C).unwrap().mtime, time, "cp -p: not before the text");
    bench.close(fh).unwrap();
    assert_eq!(bench.stat(C).unwrap().mtime, time);
    let later = time + Duration::from_secs(1);
    bench.fs.setattr(ino, None, None, Some(later), bench.who).unwrap();
    assert_eq!(bench.stat(C).unwrap().mtime, later);
    assert_eq!(bench.read(C).unwrap(), GOOD);
}

#[test]
fn rule_9_limits() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut bench = Bench::over(store, Duration::from_secs(60));
    bench.fs.options.max_file = 10;
    bench.fs.options.max_total = 25;
    let fh = bench.open_for_save("a").unwrap();
    bench.put(fh, "0123456789").unwrap();
    assert_eq!(errno(bench.fs.write(fh, 10, b"x")), Errno::FBIG);
    assert_eq!(errno(bench.close(fh)), Errno::FBIG, "a text of which a part is lost is not saved");
    bench.save("a", "0123456789").unwrap();
    assert_eq!(bench.read("a").unwrap(), "0123456789");
    bench.save("b", "0123456789").unwrap();
    assert_eq!(errno(bench.save("c", "0123456789")), Errno::NOSPC);
    assert_eq!(bench.fs.statfs().free, 5);
    bench.fs.options.max_entries = bench.fs.store().usage().entries;
    assert_eq!(errno(bench.create("d")), Errno::NOSPC);
    assert_eq!(errno(bench.mkdir("d")), Errno::NOSPC);
    bench.save("a", "short").unwrap();
}

#[test]
fn rule_10_a_refused_text_outlives_the_daemon() {
    let bench = Bench::with_old();
    assert!(bench.save(C, LACKING).is_err());
    let bench = bench.killed();
    assert_eq!(bench.read(&format!(".rejected/{C}")).unwrap(), LACKING);
    assert_eq!(bench.read(&format!(".rejected/{C}.why")).unwrap(), "no line ok\nin detail\n");
    assert_eq!(errno(bench.unlink(&format!(".rejected/{C}"))), Errno::ACCESS);
    assert_eq!(errno(bench.save(&format!(".rejected/{C}"), "x")), Errno::ACCESS);
    assert!(bench.list("").contains(&".rejected".to_owned()));
    assert!(!bench.list("").contains(&".pvefs".to_owned()));
    assert_eq!(errno(bench.ino(".pvefs")), Errno::NOENT);
}

#[test]
fn rule_10_no_more_are_kept_than_the_limit() {
    let bench = Bench::new();
    for id in 1000..1120 {
        assert!(bench.save(&format!("nodes/n1/lxc/{id}.conf"), LACKING).is_err());
    }
    let kept = bench.rejected();
    assert_eq!(kept.len(), 100);
    assert!(kept.iter().any(|(path, ..)| path.ends_with("/1119.conf")), "the newest stay");
}

#[test]
fn rule_11_each_committed_text_is_a_revision() {
    let bench = Bench::with_old();
    bench.save(C, GOOD).unwrap();
    let path: TreePath = C.parse().unwrap();
    let history = bench.fs.store().history(&path, 10).unwrap();
    assert_eq!(history.len(), 2);
    let old = bench.fs.store().read_at(&path, history[1].revision).unwrap().unwrap();
    assert_eq!(&*old, OLD.as_bytes());
    let saved = bench.fs.commit_text(&path, OLD.as_bytes(), Some(history[0].revision), &author());
    assert_eq!(bench.read(C).unwrap(), OLD);
    assert!(saved.unwrap().revision > history[0].revision);
    assert!(bench.effects.lock().contains(&Effect::Nudge(path.clone())), "watchers are woken");
    let stale = bench.fs.commit_text(&path, GOOD.as_bytes(), Some(1), &author());
    assert_eq!(errno(stale), Errno::EXIST);
    assert!(bench.fs.commit_text(&path, BAD.as_bytes(), None, &author()).is_err());
    assert_eq!(bench.read(C).unwrap(), OLD);
}

#[test]
fn rule_12_a_number_exists_once() {
    let bench = Bench::with_old();
    bench.mkdir("nodes/n2").unwrap();
    bench.mkdir("nodes/n2/lxc").unwrap();
    for other in ["nodes/n2/lxc/100.conf", "nodes/n1/qemu-server/100.conf"] {
        assert_eq!(errno(bench.create(other)), Errno::EXIST, "{other}");
        bench.save("nodes/n1/lxc/x.tmp", GOOD).unwrap();
        assert_eq!(errno(bench.rename("nodes/n1/lxc/x.tmp", other)), Errno::EXIST, "{other}");
    }
    bench.save("nodes/n1/lxc/0100.conf", GOOD).unwrap();
    bench.rename(C, "nodes/n2/lxc/100.conf").unwrap();
    assert_eq!(bench.read(C), None, "migration is one step");
    assert!(bench.read(".vmlist").unwrap().contains(r#""100": { "node": "n2""#));
    assert_eq!(errno(bench.create(C)), Errno::EXIST);
    let bench = bench.killed();
    assert_eq!(errno(bench.create(C)), Errno::EXIST);
    bench.unlink("nodes/n2/lxc/100.conf").unwrap();
    bench.save(C, GOOD).unwrap();
}
