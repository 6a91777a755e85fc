//! Mount points: owners, options, and where they end up.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown, symlink};

use crate::support::Host;

#[test]
fn files_keep_their_owners_through_the_map() {
    let Some(host) = Host::new() else { return };
    let data = host.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("zero"), "").unwrap();
    fs::write(data.join("thousand"), "").unwrap();
    chown(data.join("thousand"), Some(1000), Some(1000)).unwrap();
    let id = host.container(&format!("unprivileged: 1\nmp0: {},mp=/data\n", data.display()));
    host.start(id);
    assert_eq!(
        host.sh(id, "cd /data; stat -c %u zero thousand / /bin/busybox").out,
        "0\n1000\n0\n0\n"
    );
    let said =
        host.sh(id, "touch /data/new /tmp/new && chown 5:6 /data/new && stat -c %u:%g /data/new");
    assert_eq!(said.out, "5:6\n", "{}", said.err);
    // On the host's side they are what they are inside: nothing is shifted.
    assert_eq!(fs::metadata(data.join("new")).unwrap().uid(), 5);
    assert_eq!(fs::metadata(host.root_of(id).join("tmp/new")).unwrap().uid(), 0);
    // And the processes are not root's.
    assert_eq!(fs::metadata(format!("/proc/{}", host.init(id))).unwrap().uid(), 100_000);
    host.stop(id);
}

#[test]
fn owners_as_they_are_and_in_a_way_of_their_own() {
    let Some(host) = Host::new() else { return };
    for name in ["plain", "own"] {
        fs::create_dir(host.path().join(name)).unwrap();
        fs::write(host.path().join(name).join("file"), "").unwrap();
        chown(host.path().join(name).join("file"), Some(100_005), Some(100_005)).unwrap();
    }
    chown(host.path().join("own/file"), Some(7005), Some(7005)).unwrap();
    let dir = host.path().display();
    let id = host.container(&format!(
        "unprivileged: 1\nmp0: {dir}/plain,mp=/plain,idmap=passthrough\n\
         mp1: {dir}/own,mp=/own,idmap=u:0:7000:100;g:0:7000:100\n"
    ));
    host.start(id);
    let said = host.sh(id, "stat -c %u /plain/file /own/file");
    assert_eq!(said.out, "5\n5\n", "{}", said.err);
    host.stop(id);
}

#[test]
fn a_root_that_is_shifted_already() {
    let Some(host) = Host::new() else { return };
    let id = host.container("unprivileged: 1\n");
    let status = std::process::Command::new("chown")
        .args(["-R", "-h", "100000:100000"])
        .arg(host.root_of(id))
        .status()
        .unwrap();
    assert!(status.success());
    host.start(id);
    assert_eq!(host.sh(id, "stat -c %u / /bin/busybox; touch /tmp/x && echo ok").out, "0\n0\nok\n");
    host.stop(id);
}

#[test]
fn options() {
    let Some(host) = Host::new() else { return };
    for name in ["one", "two"] {
        fs::create_dir(host.path().join(name)).unwrap();
        fs::copy("/bin/busybox", host.path().join(name).join("busybox")).unwrap();
    }
    let id = host.container(&format!(
        "mp0: {0}/one,mp=/a,ro=1\nmp1: {0}/two,mp=/b/c/d,mountoptions=noexec;nosuid\n",
        host.path().display()
    ));
    host.start(id);
    assert_eq!(host.sh(id, "/a/busybox echo runs; touch /a/x || echo no").out, "runs\nno\n");
    assert_eq!(
        host.sh(id, "touch /b/c/d/x && echo yes; /b/c/d/busybox true || echo no").out,
        "yes\nno\n"
    );
    host.stop(id);
    let id = host.id();
    let root = host.root("ro");
    host.write_config(id, &format!("rootfs: {},ro=1\n", root.display()));
    host.start(id);
    assert_eq!(
        host.sh(id, "touch /x || echo no; mount -o remount,rw / && touch /x || echo no")
            .out
            .lines()
            .next(),
        Some("no")
    );
    host.stop(id);
}

#[test]
fn entries_as_in_fstab() {
    let Some(host) = Host::new() else { return };
    let dir = host.path().join("data");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("file"), "content").unwrap();
    let id = host.container(&format!(
        "lxc.mount.entry: {0} srv/new none bind,create=dir 0 0\n\
         lxc.mount.entry: {0}/file dev/passed none bind,create=file\n\
         lxc.mount.entry: /no/such srv/other none bind,optional,create=dir\n",
        dir.display()
    ));
    host.start(id);
    assert_eq!(host.sh(id, "cat /srv/new/file /dev/passed").out, "contentcontent");
    host.stop(id);
}

#[test]
fn links_lead_inside() {
    let Some(host) = Host::new() else { return };
    let data = host.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("file"), "content").unwrap();
    let outside = tempfile::tempdir_in("/tmp").unwrap();
    for config in ["", "unprivileged: 1\n"] {
        let id = host.container(&format!("{config}mp0: {},mp=/way/target\n", data.display()));
        let root = host.root_of(id);
        symlink(format!("../../../../..{}", outside.path().display()), root.join("way")).unwrap();
        fs::create_dir(root.join(outside.path().strip_prefix("/").unwrap())).unwrap();
        host.start(id);
        assert_eq!(host.sh(id, "cat /way/target/file").out, "content");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "made outside");
        host.stop(id);
    }
    // The source may not lead anywhere else than it says.
    symlink(&data, host.path().join("link")).unwrap();
    let id = host.container(&format!("mp0: {}/link,mp=/x\n", host.path().display()));
    let said = host.ctrun(&["start", &id.to_string()]);
    assert!(said.code != 0 && said.err.contains("is a link"), "{}", said.err);
}
