//! What is to be handed to somebody else and must outlive this process until then: small things, each in
//! a file of its own, which is whole and durable before it has its name.

use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use crate::disk::{Directory, Disk, FileName};
use crate::files::{discard, remove};

/// A directory of things that wait. Calls wait for the disk.
pub struct Spool {
    disk: Box<dyn Disk>,
}

impl Spool {
    /// Opens the spool in `directory`, and makes it where there is none.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(directory: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        // A copy brought back may be open to others.
        std::fs::set_permissions(directory, Permissions::from_mode(0o700))?;
        if let Some(parent) = directory.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(Self { disk: Box::new(Directory::open(directory.to_owned())?) })
    }

    /// Puts something under a name, in the place of what had it; it is durable once this returns. After
    /// an error it may be there or not, and never in part.
    ///
    /// # Errors
    /// The disk's; a name of other than 1 to 64 letters, digits, `-` and `_`.
    pub fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let name = valid(name)?;
        let unfinished = FileName::unfinished_spooled(name);
        remove(self.disk.as_ref(), &unfinished)?;
        let written = self.disk.create(&unfinished).and_then(|file| {
            file.write_at(bytes, 0)?;
            file.sync()?;
            self.disk.rename(&unfinished, &FileName::spooled(name))
        });
        if let Err(error) = written {
            // Its space is what the disk may be short of.
            discard(self.disk.as_ref(), &unfinished);
            return Err(error);
        }
        self.disk.sync()
    }

    /// Removes what is under a name, if it is there. A crash may bring it back for a moment more.
    ///
    /// # Errors
    /// The disk's, or that of a name that is none.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        remove(self.disk.as_ref(), &FileName::spooled(valid(name)?))
    }

    /// The names of all there is.
    ///
    /// # Errors
    /// The disk's.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let files = self.disk.list()?;
        let spooled = files.iter().filter_map(|file| file.spooled_name());
        Ok(spooled.filter(|name| valid(name).is_ok()).map(str::to_owned).collect())
    }

    /// What is under a name.
    ///
    /// # Errors
    /// The disk's, or that of a name that is none.
    pub fn get(&self, name: &str) -> io::Result<Vec<u8>> {
        self.disk.open(&FileName::spooled(valid(name)?))?.read()
    }
}

fn valid(name: &str) -> io::Result<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=64).contains(&name.len()) && name.bytes().all(plain) {
        Ok(name)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidFilename, "no name of a spool"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faulty::{Crash, Fault, FaultyDisk};

    fn on(disk: &FaultyDisk) -> Spool {
        Spool { disk: Box::new(disk.clone()) }
    }

    #[test]
    fn what_is_put_is_there_until_it_is_removed() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("spool");
        let spool = Spool::open(&path).expect("opens");
        spool.put("ended_abcd-efgh", b"one").expect("put");
        spool.put("ended_abcd-efgh", b"two").expect("put again");
        std::fs::write(path.join("x.message.new"), "cut off").expect("written");
        std::fs::write(path.join("README"), "no message").expect("written");
        let spool = Spool::open(&path).expect("opens");
        assert_eq!(spool.names().expect("read"), ["ended_abcd-efgh"]);
        assert_eq!(spool.get("ended_abcd-efgh").expect("read"), b"two");
        spool.remove("ended_abcd-efgh").expect("removed");
        spool.remove("ended_abcd-efgh").expect("nothing is left to remove");
        assert!(spool.names().expect("read").is_empty());
        for name in ["", "a/b", "..", "a.b", &"x".repeat(65)] {
            assert!(spool.put(name, b"").is_err() && spool.get(name).is_err(), "{name}");
        }
    }

    #[test]
    fn what_was_put_survives_any_crash_and_nothing_is_there_in_part() {
        for crash in [Crash::Process, Crash::Power] {
            for call in 0..12 {
                let disk = FaultyDisk::new(call);
                disk.plan(call, Fault::Dies);
                let put = on(&disk).put("a", b"a message of some length");
                let spool = on(&disk.crash(crash));
                let names = spool.names().expect("read");
                if put.is_ok() {
                    assert_eq!(names, ["a"], "{crash:?} at {call}");
                }
                for name in names {
                    let found = spool.get(&name).expect("read");
                    assert_eq!(found, b"a message of some length", "{crash:?} at {call}");
                }
            }
        }
    }

    #[test]
    fn a_full_disk_takes_nothing_and_keeps_no_half() {
        let disk = FaultyDisk::new(1);
        disk.set_space(Some(5));
        let spool = on(&disk);
        assert!(spool.put("a", b"more than five").is_err());
        assert!(disk.list().expect("read").is_empty(), "its space is given back");
        disk.set_space(None);
        spool.put("a", b"more than five").expect("put");
    }
}
