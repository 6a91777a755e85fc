//! Threads for what waits for the disk.
//!
//! The session's threads are few: requests go round among them, and the fewer there are, the warmer each is. A request
//! that may commit is answered from here, so that it holds up neither readers nor the commits that it can share a sync with.

use crossbeam_channel::{Receiver, Sender, unbounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Most threads. Requests beyond that wait for one.
const MOST: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// The threads; made when they are needed.
#[derive(Debug)]
pub(crate) struct Pool {
    jobs: Sender<Job>,
    waiting: Receiver<Job>,
    idle: Arc<AtomicUsize>,
    threads: AtomicUsize,
}

impl Pool {
    pub fn new() -> Self {
        let (jobs, waiting) = unbounded();
        Self { jobs, waiting, idle: Arc::default(), threads: AtomicUsize::new(0) }
    }

    /// Does `job` on another thread.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) {
        if self.jobs.len() >= self.idle.load(Ordering::Acquire) {
            self.grow();
        }
        if let Err(error) = self.jobs.send(Box::new(job)) {
            // Cannot be: the receiver is ours.
            (error.into_inner())();
        }
    }

    fn grow(&self) {
        if self.threads.fetch_add(1, Ordering::AcqRel) >= MOST {
            self.threads.fetch_sub(1, Ordering::AcqRel);
            return;
        }
        let (waiting, idle) = (self.waiting.clone(), self.idle.clone());
        let thread = thread::Builder::new().name("commit".to_owned()).spawn(move || {
            loop {
                idle.fetch_add(1, Ordering::AcqRel);
                let job = waiting.recv();
                idle.fetch_sub(1, Ordering::AcqRel);
                match job {
                    Ok(job) => job(),
                    Err(_) => return,
                }
            }
        });
        if let Err(error) = thread {
            tracing::error!("start a thread: {error}");
            self.threads.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn jobs_that_wait_for_each_other_all_run() {
        let pool = Pool::new();
        let (done, finished) = unbounded();
        for _ in 0..3 {
            let together = Arc::new(Barrier::new(20));
            for _ in 0..20 {
                let (together, done) = (together.clone(), done.clone());
                pool.run(move || {
                    together.wait();
                    let _ = done.send(());
                });
            }
            for _ in 0..20 {
                finished.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
            }
        }
        assert!(pool.threads.load(Ordering::Relaxed) <= MOST);
    }
}
