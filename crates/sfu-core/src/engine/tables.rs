//! How a datagram finds its peer: by its path, by the user fragment it names, or by its source.

use std::collections::HashMap;

use crate::Path;
use crate::engine::peer::{Peer, PeerKey};

/// How many sources of one peer are registered.
const MAX_SSRCS: usize = 40;
/// How many peers may claim one source: pages that send nothing report as source 1.
const MAX_CLAIMS: usize = 64;

/// The engine's tables. What a peer has put in is taken out with it.
#[derive(Default)]
pub(super) struct Tables {
    by_path: HashMap<Path, PeerKey>,
    by_ufrag: HashMap<String, PeerKey>,
    by_ssrc: HashMap<u32, Vec<PeerKey>>,
}

impl Tables {
    pub(super) fn by_path(&self, path: &Path) -> Option<PeerKey> {
        self.by_path.get(path).copied()
    }

    pub(super) fn by_ufrag(&self, ufrag: &str) -> Option<PeerKey> {
        self.by_ufrag.get(ufrag).copied()
    }

    pub(super) fn by_ssrc(&self, ssrc: u32) -> &[PeerKey] {
        self.by_ssrc.get(&ssrc).map_or(&[], Vec::as_slice)
    }

    /// Makes `path` lead to the peer.
    pub(super) fn learn_path(&mut self, peer: &mut Peer, path: Path) {
        let evicted = peer.paths.learn(path);
        if let Some(evicted) = evicted.filter(|p| self.by_path.get(p) == Some(&peer.key)) {
            self.by_path.remove(&evicted);
        }
        self.by_path.insert(path, peer.key);
    }

    /// Makes `path` lead nowhere.
    pub(super) fn unlearn_path(&mut self, peer: &mut Peer, path: Path) {
        peer.paths.forget(path);
        if self.by_path.get(&path) == Some(&peer.key) {
            self.by_path.remove(&path);
        }
    }

    /// Makes the peer's present user fragments lead to it, and no others.
    pub(super) fn learn_ufrags(&mut self, peer: &mut Peer) {
        let unchanged = peer.ice.ufrags().eq(peer.ufrags.iter().map(String::as_str));
        if unchanged {
            return;
        }
        for ufrag in peer.ufrags.drain(..) {
            self.by_ufrag.remove(&ufrag);
        }
        peer.ufrags.extend(peer.ice.ufrags().map(str::to_owned));
        for ufrag in &peer.ufrags {
            self.by_ufrag.insert(ufrag.clone(), peer.key);
        }
    }

    /// Makes an authentic source lead to the peer.
    pub(super) fn learn_ssrc(&mut self, peer: &mut Peer, ssrc: u32) {
        if peer.ssrcs.contains(&ssrc) || peer.ssrcs.len() >= MAX_SSRCS {
            return;
        }
        let claims = self.by_ssrc.entry(ssrc).or_default();
        if claims.len() < MAX_CLAIMS {
            claims.push(peer.key);
            peer.ssrcs.push(ssrc);
        }
    }

    /// Takes out everything that leads to the peer.
    pub(super) fn forget(&mut self, peer: &Peer) {
        for path in peer.paths.known() {
            if self.by_path.get(path) == Some(&peer.key) {
                self.by_path.remove(path);
            }
        }
        for ufrag in &peer.ufrags {
            self.by_ufrag.remove(ufrag);
        }
        for ssrc in &peer.ssrcs {
            if let Some(claims) = self.by_ssrc.get_mut(ssrc) {
                claims.retain(|key| *key != peer.key);
                if claims.is_empty() {
                    self.by_ssrc.remove(ssrc);
                }
            }
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_path.is_empty() && self.by_ufrag.is_empty() && self.by_ssrc.is_empty()
    }
}
