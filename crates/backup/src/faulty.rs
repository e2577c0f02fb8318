//! A directory in memory that fails, fills up and crashes where it is told to, and after a crash keeps
//! no more than a file system must: what was synced, and of the rest whatever chance decides.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, DiskFile, FileName};

/// Bytes that a disk writes together. Smaller than any real one's, so that more can go wrong.
const SECTOR: usize = 64;

/// What a call that changes something is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails. What is being written is written in part.
    Fails,
    /// The process ends in the middle of it, and all calls after it fail.
    Dies,
}

/// What ends when the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    /// The process alone: the system still has all that was written.
    Process,
    /// The power: only what was synced is sure to be there.
    Power,
}

/// Chance, from a seed.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound.max(1) as u64).expect("below a usize")
    }
}

#[derive(Debug, Clone)]
enum Write {
    At(u64, Vec<u8>),
    Cut(u64),
}

impl Write {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::At(offset, bytes) => {
                let offset = usize::try_from(*offset).expect("small");
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[offset..end].copy_from_slice(bytes);
            }
            Self::Cut(length) => content.resize(usize::try_from(*length).expect("small"), 0),
        }
    }

    /// Some of its sectors only.
    fn tear(&self, content: &mut Vec<u8>, chance: &mut Chance) {
        match self {
            Self::At(offset, bytes) => {
                for (index, sector) in bytes.chunks(SECTOR).enumerate() {
                    if chance.below(2) == 0 {
                        let kept = if chance.below(4) == 0 {
                            chance.below(sector.len())
                        } else {
                            sector.len()
                        };
                        let at = offset + (index * SECTOR) as u64;
                        Self::At(at, sector[..kept].to_vec()).apply(content);
                    }
                }
            }
            Self::Cut(_) if chance.below(2) == 0 => self.apply(content),
            Self::Cut(_) => {}
        }
    }
}

#[derive(Debug, Clone)]
enum Naming {
    Set(FileName, u64),
    Remove(FileName),
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<FileName, u64>) {
        match self {
            Self::Set(name, inode) => drop(names.insert(name.clone(), *inode)),
            Self::Remove(name) => drop(names.remove(name)),
        }
    }
}

#[derive(Debug, Default, Clone)]
struct Inode {
    content: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Write>,
}

#[derive(Debug)]
struct State {
    inodes: HashMap<u64, Inode>,
    names: BTreeMap<FileName, u64>,
    durable_names: BTreeMap<FileName, u64>,
    /// Each group happens wholly or not at all.
    unsynced_names: Vec<Vec<Naming>>,
    locks: HashSet<u64>,
    next_inode: u64,
    calls: u64,
    faults: BTreeMap<u64, Fault>,
    space: Option<usize>,
    dead: bool,
    chance: Chance,
}

/// The directory. Clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct FaultyDisk(Arc<Mutex<State>>);

impl FaultyDisk {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(BTreeMap::new(), HashMap::new(), Chance::new(seed))
    }

    fn with(names: BTreeMap<FileName, u64>, inodes: HashMap<u64, Inode>, chance: Chance) -> Self {
        let next_inode = inodes.keys().max().map_or(1, |last| last + 1);
        Self(Arc::new(Mutex::new(State {
            inodes,
            durable_names: names.clone(),
            names,
            unsynced_names: Vec::new(),
            locks: HashSet::new(),
            next_inode,
            calls: 0,
            faults: BTreeMap::new(),
            space: None,
            dead: false,
            chance,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls that change something there were.
    pub(crate) fn calls(&self) -> u64 {
        self.state().calls
    }

    /// What happens at the `after`th such call from now; 0 is the next one.
    pub(crate) fn plan(&self, after: u64, fault: Fault) {
        let mut state = self.state();
        let at = state.calls + after;
        state.faults.insert(at, fault);
    }

    /// From now on so many bytes can be written where there were none; `None` lifts it.
    pub(crate) fn set_space(&self, bytes: Option<usize>) {
        self.state().space = bytes;
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// Every file with its content.
    pub(crate) fn files(&self) -> Vec<(FileName, Vec<u8>)> {
        let state = self.state();
        state.names.iter().map(|(n, i)| (n.clone(), state.inodes[i].content.clone())).collect()
    }

    /// Puts a file there, durable.
    pub(crate) fn put(&self, name: &FileName, content: Vec<u8>) {
        let mut state = self.state();
        let inode = state.next_inode;
        state.next_inode += 1;
        let durable = content.clone();
        state.inodes.insert(inode, Inode { content, durable, unsynced: Vec::new() });
        state.names.insert(name.clone(), inode);
        state.durable_names.insert(name.clone(), inode);
    }

    /// What a crash now would leave; this one goes on.
    pub(crate) fn crash_of_a_copy(&self, crash: Crash) -> Self {
        let after = self.crash(crash);
        self.state().dead = false;
        after
    }

    /// The directory as the next process finds it.
    pub(crate) fn crash(&self, crash: Crash) -> Self {
        let mut state = self.state();
        state.dead = true;
        let mut chance = Chance(state.chance.0 ^ 0x5555);
        let mut inodes = state.inodes.clone();
        if crash == Crash::Process {
            let after = Self::with(state.names.clone(), inodes, chance);
            let mut next = after.state();
            next.durable_names = state.durable_names.clone();
            next.unsynced_names = state.unsynced_names.clone();
            drop(next);
            return after;
        }
        let mut names = state.durable_names.clone();
        let happened = chance.below(state.unsynced_names.len() + 1);
        for group in &state.unsynced_names[..happened] {
            group.iter().for_each(|naming| naming.apply(&mut names));
        }
        for inode in inodes.values_mut() {
            let mut content = inode.durable.clone();
            for write in &inode.unsynced {
                match chance.below(3) {
                    0 => write.apply(&mut content),
                    1 => write.tear(&mut content, &mut chance),
                    _ => {}
                }
            }
            *inode = Inode { durable: content.clone(), content, unsynced: Vec::new() };
        }
        Self::with(names, inodes, chance)
    }
}

impl State {
    /// Counts a call, and says what becomes of it.
    fn call(&mut self) -> Result<Option<Fault>, io::Error> {
        if self.dead {
            return Err(io::Error::other("the process is dead"));
        }
        let fault = self.faults.remove(&self.calls);
        self.calls += 1;
        Ok(fault)
    }

    fn fail<T>(&mut self, fault: Fault) -> io::Result<T> {
        self.dead |= fault == Fault::Dies;
        Err(io::Error::other("a fault was planned"))
    }

    fn name(&mut self, group: Vec<Naming>) {
        group.iter().for_each(|naming| naming.apply(&mut self.names));
        self.unsynced_names.push(group);
    }

    fn find(&self, name: &FileName) -> io::Result<u64> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for FaultyDisk {
    fn list(&self) -> io::Result<Vec<FileName>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn create(&self, name: &FileName) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        if let Some(fault) = state.call()? {
            return state.fail(fault);
        }
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.next_inode;
        state.next_inode += 1;
        state.inodes.insert(inode, Inode::default());
        state.name(vec![Naming::Set(name.clone(), inode)]);
        Ok(Box::new(Handle::new(self, inode)))
    }

    fn open(&self, name: &FileName) -> io::Result<Box<dyn DiskFile>> {
        let inode = self.state().find(name)?;
        Ok(Box::new(Handle::new(self, inode)))
    }

    fn is(&self, name: &FileName, file: &dyn DiskFile) -> io::Result<bool> {
        let inode = self.state().names.get(name).copied();
        Ok(inode == Some(file.identity()?.1))
    }

    fn rename(&self, from: &FileName, to: &FileName) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.call()?;
        let inode = state.find(from)?;
        // A process that dies in it may have renamed or not.
        if fault != Some(Fault::Fails) && (fault.is_none() || state.chance.below(2) == 0) {
            state.name(vec![Naming::Remove(from.clone()), Naming::Set(to.clone(), inode)]);
        }
        fault.map_or(Ok(()), |fault| state.fail(fault))
    }

    fn link(&self, from: &FileName, to: &FileName) -> io::Result<()> {
        let mut state = self.state();
        if let Some(fault) = state.call()? {
            return state.fail(fault);
        }
        let inode = state.find(from)?;
        if state.names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.name(vec![Naming::Set(to.clone(), inode)]);
        Ok(())
    }

    fn remove(&self, name: &FileName) -> io::Result<()> {
        let mut state = self.state();
        if let Some(fault) = state.call()? {
            return state.fail(fault);
        }
        state.find(name)?;
        state.name(vec![Naming::Remove(name.clone())]);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state();
        if let Some(fault) = state.call()? {
            return state.fail(fault);
        }
        state.unsynced_names.clear();
        state.durable_names = state.names.clone();
        Ok(())
    }
}

/// An open file.
#[derive(Debug)]
struct Handle {
    disk: FaultyDisk,
    inode: u64,
    locked: Mutex<bool>,
}

impl Handle {
    fn new(disk: &FaultyDisk, inode: u64) -> Self {
        Self { disk: disk.clone(), inode, locked: Mutex::new(false) }
    }

    fn change(&self, write: Write) -> io::Result<()> {
        let mut state = self.disk.state();
        let mut fault = state.call()?;
        let length = state.inodes[&self.inode].content.len();
        let mut write = write;
        let mut full = false;
        if let (Write::At(offset, bytes), Some(space)) = (&mut write, state.space) {
            let end = usize::try_from(*offset).expect("small") + bytes.len();
            let grows = end.saturating_sub(length);
            if grows > space {
                bytes.truncate(bytes.len().saturating_sub(grows - space));
                full = true;
            }
            state.space = Some(space - grows.min(space));
        }
        if let (Write::Cut(cut), Some(space)) = (&write, state.space) {
            let freed = length.saturating_sub(usize::try_from(*cut).expect("small"));
            state.space = Some(space + freed);
        }
        if fault.is_some() {
            if let Write::At(_, bytes) = &mut write {
                let kept = state.chance.below(bytes.len() + 1);
                bytes.truncate(kept);
            } else if fault == Some(Fault::Fails) || state.chance.below(2) == 0 {
                return state.fail(fault.take().expect("planned"));
            }
        }
        let inode = state.inodes.get_mut(&self.inode).expect("open");
        write.apply(&mut inode.content);
        inode.unsynced.push(write);
        match fault {
            Some(fault) => state.fail(fault),
            None if full => Err(io::ErrorKind::StorageFull.into()),
            None => Ok(()),
        }
    }
}

impl DiskFile for Handle {
    fn try_lock(&self) -> io::Result<bool> {
        let free = self.disk.state().locks.insert(self.inode);
        if free {
            *self.locked.lock().expect("lock") = true;
        }
        Ok(free)
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        self.read_start(usize::MAX)
    }

    fn read_start(&self, length: usize) -> io::Result<Vec<u8>> {
        let state = self.disk.state();
        let content = &state.inodes[&self.inode].content;
        Ok(content[..length.min(content.len())].to_vec())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.change(Write::At(offset, bytes.to_vec()))
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(Write::Cut(length))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let fault = state.call()?;
        let inode = state.inodes.get_mut(&self.inode).expect("open");
        match fault {
            None => inode.durable = inode.content.clone(),
            // As Linux does it: what could not be written counts as written from then on.
            Some(Fault::Fails) => {}
            Some(fault) => return state.fail(fault),
        }
        inode.unsynced.clear();
        fault.map_or(Ok(()), |fault| state.fail(fault))
    }

    fn identity(&self) -> io::Result<(u64, u64)> {
        Ok((0, self.inode))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if *self.locked.lock().expect("lock") {
            self.disk.state().locks.remove(&self.inode);
        }
    }
}
