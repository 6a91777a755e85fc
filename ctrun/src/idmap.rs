//! Which users and groups of the container are which on the host.

use std::fs;
use std::io::Write as _;
use std::os::fd::OwnedFd;

use ct_sys::clone::Clone;
use ct_sys::{Call, pidfd};
use rustix::thread::UnshareFlags;
use serde::{Deserialize, Serialize};

/// A range of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// First id inside.
    pub inside: u32,
    /// First id on the host.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// The maps of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMap {
    /// Users.
    pub users: Vec<Range>,
    /// Groups.
    pub groups: Vec<Range>,
}

/// A map that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Two ranges share ids.
    #[error("the ranges {0} and {1} of {2} overlap")]
    Overlap(String, String, &'static str),
    /// An id past the last.
    #[error("the range {0} of {1} goes past 4294967294")]
    TooHigh(String, &'static str),
    /// Nobody is root.
    #[error("no range maps {0} 0: the container would have no root")]
    NoRoot(&'static str),
    /// More than Linux takes.
    #[error("{0} ranges of {1}: Linux takes 340")]
    TooMany(usize, &'static str),
}

impl IdMap {
    /// The reference's map: 65536 ids from 100000.
    pub fn unprivileged() -> Self {
        let range = Range { inside: 0, outside: 100_000, count: 65536 };
        Self { users: vec![range], groups: vec![range] }
    }

    /// Reads `u:INSIDE:ON DISK:COUNT` and `g:…`, separated by `;`: how owners on a volume are seen inside.
    pub fn parse_volume(text: &str) -> Result<Self, String> {
        let mut map = Self::default();
        for part in text.split(';') {
            let fields: Vec<&str> = part.split(':').collect();
            let number =
                |text: &str| text.parse::<u32>().map_err(|_| format!("{part:?} is no range"));
            let [kind, inside, outside, count] = fields.as_slice() else {
                return Err(format!("{part:?} is no range"));
            };
            let range =
                Range { inside: number(inside)?, outside: number(outside)?, count: number(count)? };
            if range.count == 0 || range.inside.checked_add(range.count).is_none() {
                return Err(format!("{part:?} is no range"));
            }
            match *kind {
                "u" => map.users.push(range),
                "g" => map.groups.push(range),
                _ => return Err(format!("{part:?} is no range")),
            }
        }
        Ok(map)
    }

    /// The map of an idmapped mount on which the id that `volume` calls "on disk" is seen as the id inside of this map's
    /// container. The kernel takes such a map as one from ids on disk to ids of the host.
    pub fn onto_disk(&self, volume: &Self) -> Result<Self, String> {
        let compose = |wanted: &[Range], ours: &[Range]| {
            let one = |range: &Range| {
                let first = outside(ours, range.inside);
                let last = outside(ours, range.inside + (range.count - 1));
                match (first, last) {
                    (Some(a), Some(b)) if b.checked_sub(a) == Some(range.count - 1) => {
                        Ok(Range { inside: range.outside, outside: a, count: range.count })
                    }
                    _ => Err(format!(
                        "the ids {} to {} are not the container's in one piece",
                        range.inside,
                        range.inside + (range.count - 1)
                    )),
                }
            };
            wanted.iter().map(one).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            users: compose(&volume.users, &self.users)?,
            groups: compose(&volume.groups, &self.groups)?,
        })
    }

    /// Every id is itself: the users of a container without any of its own.
    pub fn identity() -> Self {
        let range = Range { inside: 0, outside: 0, count: u32::MAX };
        Self { users: vec![range], groups: vec![range] }
    }

    /// Checks what the kernel would refuse without saying why.
    pub fn check(&self) -> Result<(), Error> {
        check(&self.users, "users")?;
        check(&self.groups, "groups")
    }

    /// The host's ids of the container's root.
    pub fn root(&self) -> (u32, u32) {
        (self.user(0).unwrap_or(0), self.group(0).unwrap_or(0))
    }

    /// The host's number of a user inside.
    pub fn user(&self, id: u32) -> Option<u32> {
        outside(&self.users, id)
    }

    /// The host's number of a group inside.
    pub fn group(&self, id: u32) -> Option<u32> {
        outside(&self.groups, id)
    }

    /// Gives the process `pid`, in a new user namespace, these maps. Root may do so directly; no helper is run.
    pub fn apply(&self, pid: i32) -> ct_sys::Result<()> {
        write(pid, "uid_map", &text(&self.users))?;
        write(pid, "gid_map", &text(&self.groups))
    }

    /// A user namespace with these maps, for idmapped mounts.
    pub fn namespace(&self) -> ct_sys::Result<OwnedFd> {
        let ends = ct_sys::pass::pair()?;
        let (child, _ours) =
            Clone::new().namespaces(UnshareFlags::NEWUSER).spawn(ends, |(ours, theirs)| {
                // Lives until the other end is closed. Its own copy of that end would keep it alive for ever.
                drop(ours);
                let _ = ct_sys::pass::receive(&theirs, &mut [0; 1]);
                0
            })?;
        let pid = child.pid.as_raw_nonzero().get();
        let namespace = self.apply(pid).and_then(|()| open_user_namespace(pid));
        pidfd::kill(&child.pidfd)?;
        pidfd::wait(&child.pidfd)?;
        namespace
    }
}

/// Opens the user namespace of a process.
pub fn open_user_namespace(pid: i32) -> ct_sys::Result<OwnedFd> {
    let path = format!("/proc/{pid}/ns/user");
    fs::File::open(&path).map(OwnedFd::from).call(|| format!("open({path})"))
}

fn write(pid: i32, file: &str, text: &str) -> ct_sys::Result<()> {
    let path = format!("/proc/{pid}/{file}");
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        // One write: the kernel takes a map once and whole (user_namespaces(7)).
        .and_then(|mut f| f.write_all(text.as_bytes()))
        .call(|| format!("write({path}, {:?})", text.trim_end()))
}

fn text(ranges: &[Range]) -> String {
    ranges.iter().map(|r| format!("{} {} {}\n", r.inside, r.outside, r.count)).collect()
}

fn outside(ranges: &[Range], id: u32) -> Option<u32> {
    let range = ranges.iter().find(|r| id >= r.inside && id - r.inside < r.count)?;
    Some(range.outside + (id - range.inside))
}

fn check(ranges: &[Range], what: &'static str) -> Result<(), Error> {
    let show = |r: &Range| format!("{} {} {}", r.inside, r.outside, r.count);
    if ranges.len() > 340 {
        return Err(Error::TooMany(ranges.len(), what));
    }
    for range in ranges {
        let end = |first: u32| u64::from(first) + u64::from(range.count);
        if end(range.inside).max(end(range.outside)) > u64::from(u32::MAX) || range.count == 0 {
            return Err(Error::TooHigh(show(range), what));
        }
    }
    for (n, a) in ranges.iter().enumerate() {
        for b in &ranges[n + 1..] {
            let meet = |x: u32, y: u32| x < y + b.count && y < x + a.count;
            if meet(a.inside, b.inside) || meet(a.outside, b.outside) {
                return Err(Error::Overlap(show(a), show(b), what));
            }
        }
    }
    if outside(ranges, 0).is_none() {
        return Err(Error::NoRoot(what));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(ranges: &[(u32, u32, u32)]) -> IdMap {
        let ranges: Vec<Range> = ranges
            .iter()
            .map(|&(inside, outside, count)| Range { inside, outside, count })
            .collect();
        IdMap { users: ranges.clone(), groups: ranges }
    }

    #[test]
    fn maps_ids() {
        let map = map(&[(0, 100_000, 1000), (1000, 1000, 1), (1001, 101_001, 100)]);
        map.check().unwrap();
        assert_eq!(map.root(), (100_000, 100_000));
        assert_eq!(map.user(1000), Some(1000));
        assert_eq!(map.group(1002), Some(101_002));
        assert_eq!(map.user(5000), None);
    }

    #[test]
    fn composes_with_a_volumes_map() {
        let ours = map(&[(0, 100_000, 1000), (1000, 1000, 1)]);
        let volume = IdMap::parse_volume("u:0:7000:100;g:0:7000:100").unwrap();
        let composed = ours.onto_disk(&volume).unwrap();
        assert_eq!(composed.user(7005), Some(100_005));
        let volume = IdMap::parse_volume("u:900:0:200").unwrap();
        assert!(ours.onto_disk(&volume).is_err(), "it reaches past a range");
        assert_eq!(IdMap::identity().onto_disk(&volume).unwrap().user(5), Some(905));
    }

    #[test]
    fn refuses_what_the_kernel_would() {
        assert!(matches!(
            map(&[(0, 100_000, 1000), (500, 300_000, 10)]).check(),
            Err(Error::Overlap(..))
        ));
        assert!(matches!(
            map(&[(0, 100_000, 1000), (2000, 100_500, 10)]).check(),
            Err(Error::Overlap(..))
        ));
        assert!(matches!(map(&[(0, u32::MAX - 5, 10)]).check(), Err(Error::TooHigh(..))));
        assert!(matches!(map(&[(1, 100_000, 10)]).check(), Err(Error::NoRoot("users"))));
    }
}
