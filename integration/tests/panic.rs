//! No panic leaves a mount hanging: a handler that panics ends the worker, and another one serves.

mod common;

use common::{conf, errno, save};
use integration::mounted::{Mounted, PATIENCE, wait_for};
use rustix::io::Errno;
use std::fs;
use std::time::{Duration, Instant};

/// The name whose lookup panics.
const TRAP: &str = "fall-into-this";
/// The promise is one second; the machine that runs this may be busy with other tests.
const BACK: Duration = Duration::from_secs(5);

#[test]
fn the_mount_is_back_after_a_panic_in_a_handler() {
    let mut mounted = Mounted::with().env("PVEFS_TEST_PANIC_ON", TRAP).start();
    for round in 0..3 {
        save(mounted.conf(100), conf(512 + round)).expect("a save");
        let panicked = Instant::now();
        let error = errno(fs::metadata(mounted.root.join(TRAP)));
        assert!(
            matches!(error, Some(Errno::CONNABORTED | Errno::NOTCONN)),
            "the handler did not panic: {error:?}"
        );
        let text = wait_for(PATIENCE, || fs::read_to_string(mounted.conf(100)).ok());
        let took = panicked.elapsed();
        assert_eq!(text.as_deref(), Some(&*conf(512 + round)), "what was saved before is there");
        println!("back after {took:?}");
        assert!(took < BACK, "the mount was back only after {took:?}");
    }
    save(mounted.conf(101), conf(512)).expect("a save after it");
    assert_eq!(mounted.log().matches("a test asked for this").count(), 3, "{}", mounted.log());
    // The panics were asked for; `stop` takes any for a failure.
    mounted.kill();
}
