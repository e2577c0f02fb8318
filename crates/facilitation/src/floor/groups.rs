//! Breakout groups: who is apart with whom.
//!
//! Nobody is alone: seven people in pairs are two pairs and three. Whoever drops keeps their group;
//! whoever they left alone waits for them as for a speaker, then both groups become one, and the one
//! who comes back finds their company there. Whoever comes late joins the smallest group.

use palabre_ids::{Group, Millis, Seat, UnixMillis};
use palabre_vocabulary::Clock;
use serde::{Deserialize, Serialize};

use super::Scene;
use crate::{Mix, speaks};

/// The groups now, and those before.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Groups {
    now: Vec<Apart>,
    /// The last breakout's.
    last: Vec<Vec<Seat>>,
    /// How often two were together so far; the lower seat first.
    met: Vec<(Seat, Seat, u16)>,
    shown: Vec<(Group, Vec<Seat>)>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Apart {
    group: Group,
    seats: Vec<Seat>,
    /// Runs while one of them is here alone: then they join another group.
    alone: Option<Clock>,
}

impl Groups {
    /// The groups now, each with its seats, ascending.
    pub(super) fn shown(&self) -> &[(Group, Vec<Seat>)] {
        &self.shown
    }

    /// The breakout is over: everyone is in the plenary.
    pub(super) fn end(&mut self) {
        if self.now.is_empty() {
            return;
        }
        self.last = self.now.drain(..).map(|apart| apart.seats).collect();
        self.shown.clear();
        for seats in self.last.clone() {
            for (index, one) in seats.iter().enumerate() {
                for other in &seats[index + 1..] {
                    self.meet(*one, *other);
                }
            }
        }
    }

    fn meet(&mut self, one: Seat, other: Seat) {
        let (low, high) = (one.min(other), one.max(other));
        match self.met.iter_mut().find(|(a, b, _)| (*a, *b) == (low, high)) {
            Some((_, _, times)) => *times = times.saturating_add(1),
            None => self.met.push((low, high, 1)),
        }
    }

    fn times(&self, one: Seat, other: Seat) -> u32 {
        let (low, high) = (one.min(other), one.max(other));
        let met = self.met.iter().find(|(a, b, _)| (*a, *b) == (low, high));
        met.map_or(0, |(_, _, times)| u32::from(*times))
    }

    /// Makes the groups for those who are here, and keeps them sound: latecomers in, those who left
    /// out, nobody alone for long.
    pub(super) fn settle(&mut self, size: u8, mix: Mix, scene: Scene<'_>) {
        let apart = |role| speaks(role) && !role.facilitates();
        let here: Vec<Seat> = scene
            .cast
            .iter()
            .filter(|member| member.here && apart(member.role))
            .map(|member| member.seat)
            .collect();
        let belongs = |seat: &Seat| {
            scene
                .cast
                .iter()
                .any(|member| member.seat == *seat && member.joined && apart(member.role))
        };
        for group in &mut self.now {
            group.seats.retain(belongs);
        }
        self.now.retain(|group| !group.seats.is_empty());
        if self.now.is_empty() {
            let sets = self.make(&here, usize::from(size), mix);
            self.now = (1..=u8::MAX)
                .map(Group)
                .zip(sets)
                .map(|(group, seats)| Apart { group, seats, alone: None })
                .collect();
        }
        self.place(&here, usize::from(size));
        self.company_for_the_lone(&here, scene);
        for group in &mut self.now {
            group.seats.sort_unstable();
        }
        self.shown = self.now.iter().map(|apart| (apart.group, apart.seats.clone())).collect();
    }

    /// Whoever has no group joins the smallest; where nobody is here in any, they are groups of their
    /// own, or one of them waits for those who are away.
    fn place(&mut self, here: &[Seat], size: usize) {
        let grouped = |now: &[Apart], seat: &Seat| now.iter().any(|g| g.seats.contains(seat));
        let late: Vec<Seat> =
            here.iter().copied().filter(|seat| !grouped(&self.now, seat)).collect();
        if late.len() > 1 && self.smallest(here, None).is_none() {
            let last = self.now.last().map_or(0, |apart| apart.group.0);
            let numbers = (last.saturating_add(1)..=u8::MAX).map(Group);
            let sets = numbers.zip(neighbours(&late, size));
            self.now.extend(sets.map(|(group, seats)| Apart { group, seats, alone: None }));
            return;
        }
        for seat in late {
            let smallest = self.smallest(here, None).or_else(|| self.now.len().checked_sub(1));
            if let Some(smallest) = smallest {
                self.now[smallest].seats.push(seat);
            }
        }
    }

    fn company_for_the_lone(&mut self, here: &[Seat], scene: Scene<'_>) {
        let mut index = 0;
        while index < self.now.len() {
            let present = self.here_in(index, here);
            let group = &mut self.now[index];
            if present != 1 {
                group.alone = None;
            } else if group.seats.len() > 1
                && !group.alone.is_some_and(|clock| over(clock, scene.now))
            {
                // Somebody is away: they are waited for.
                group
                    .alone
                    .get_or_insert_with(|| Clock::start(scene.now, scene.hold, scene.paused));
            } else if let Some(other) = self.smallest(here, Some(index)) {
                let seats = std::mem::take(&mut self.now[index].seats);
                self.now[other].seats.extend(seats);
                self.now[other].alone = None;
                self.now.remove(index);
                // The one they joined may have been waiting too.
                index = 0;
                continue;
            } else {
                // There is nobody to join.
                self.now[index].alone = None;
            }
            index += 1;
        }
    }

    fn here_in(&self, index: usize, here: &[Seat]) -> usize {
        self.now[index].seats.iter().filter(|seat| here.contains(seat)).count()
    }

    /// The group with the fewest people here, but those that have none and `but`.
    fn smallest(&self, here: &[Seat], but: Option<usize>) -> Option<usize> {
        (0..self.now.len())
            .filter(|index| Some(*index) != but && self.here_in(*index, here) > 0)
            .min_by_key(|index| self.here_in(*index, here))
    }

    /// When the next one has been alone long enough.
    pub(super) fn next_timer(&self) -> Option<UnixMillis> {
        self.now.iter().filter_map(|group| group.alone.and_then(Clock::deadline)).min()
    }

    /// The clocks stand since `at`.
    pub(super) fn pause(&mut self, at: UnixMillis) {
        for group in &mut self.now {
            group.alone = group.alone.map(|clock| clock.paused_at(at));
        }
    }

    /// The clocks run again.
    pub(super) fn resume(&mut self, now: UnixMillis) {
        for group in &mut self.now {
            group.alone = group.alone.map(|clock| clock.running_from(now));
        }
    }

    fn make(&self, seats: &[Seat], size: usize, mix: Mix) -> Vec<Vec<Seat>> {
        if seats.len() < 2 {
            return Vec::new();
        }
        match mix {
            Mix::Keep if self.last.is_empty() => neighbours(seats, size),
            Mix::Keep => self.as_before(seats, size),
            Mix::Join => join(self.as_before(seats, size), how_many(seats.len(), size), size),
            Mix::Rotate => self.rotate(seats, size),
        }
    }

    /// The groups of before, of those who are here; whoever has none, or is alone in theirs, is
    /// put together with others like them.
    fn as_before(&self, seats: &[Seat], size: usize) -> Vec<Vec<Seat>> {
        let mut sets: Vec<Vec<Seat>> = self
            .last
            .iter()
            .map(|set| set.iter().copied().filter(|seat| seats.contains(seat)).collect())
            .filter(|set: &Vec<Seat>| set.len() > 1)
            .collect();
        let rest: Vec<Seat> = seats
            .iter()
            .copied()
            .filter(|seat| !sets.iter().any(|set| set.contains(seat)))
            .collect();
        match (rest.as_slice(), sets.iter_mut().min_by_key(|set| set.len())) {
            ([], _) => {}
            ([alone], Some(smallest)) => smallest.push(*alone),
            (rest, _) => sets.extend(neighbours(rest, size)),
        }
        sets
    }

    /// The groups in which the fewest have been together before: of all there are, for a room is
    /// small (17,325 ways for eleven people in pairs).
    fn rotate(&self, seats: &[Seat], size: usize) -> Vec<Vec<Seat>> {
        let sizes = sizes(seats.len(), size);
        let mut search = Search {
            groups: self,
            sizes: &sizes,
            best: None,
            sets: Vec::with_capacity(sizes.len()),
        };
        search.place(seats, 0);
        search.best.map_or_else(|| neighbours(seats, size), |(_, sets)| sets)
    }
}

fn over(clock: Clock, now: UnixMillis) -> bool {
    clock.remaining(now) == Millis::ZERO
}

/// How many groups of `size` are made of `people`, nobody alone.
fn how_many(people: usize, size: usize) -> usize {
    people.div_ceil(size).min(people / 2).max(1)
}

/// The sizes of those groups, the largest first.
fn sizes(people: usize, size: usize) -> Vec<usize> {
    let count = how_many(people, size);
    (0..count).map(|index| people / count + usize::from(index < people % count)).collect()
}

fn neighbours(seats: &[Seat], size: usize) -> Vec<Vec<Seat>> {
    let mut rest = seats;
    let mut sets = Vec::new();
    // The smaller ones first: whoever comes late joins one of them, not the last by its number.
    for size in sizes(seats.len(), size).into_iter().rev() {
        let (set, after) = rest.split_at(size);
        sets.push(set.to_vec());
        rest = after;
    }
    sets
}

/// Joins groups, the smallest first, until there are `count`.
fn join(mut sets: Vec<Vec<Seat>>, count: usize, size: usize) -> Vec<Vec<Seat>> {
    while sets.len() > count {
        // The best fit: the fullest that is not too full, else the least too full.
        let pairs = (0..sets.len()).flat_map(|a| (a + 1..sets.len()).map(move |b| (a, b)));
        let fit = |(a, b): &(usize, usize)| {
            let together = sets[*a].len() + sets[*b].len();
            (together.saturating_sub(size), size.saturating_sub(together), *a, *b)
        };
        let Some((a, b)) = pairs.min_by_key(fit) else { break };
        let joined = sets.remove(b);
        sets[a].extend(joined);
    }
    sets
}

/// A search through every way to make groups of the given sizes.
struct Search<'a> {
    groups: &'a Groups,
    sizes: &'a [usize],
    best: Option<(u32, Vec<Vec<Seat>>)>,
    sets: Vec<Vec<Seat>>,
}

impl Search<'_> {
    /// Puts those who are left into groups; what is there so far cost `cost`.
    fn place(&mut self, left: &[Seat], cost: u32) {
        let Some((first, rest)) = left.split_first() else {
            self.best = Some((cost, self.sets.clone()));
            return;
        };
        let mut sizes = self.sizes.to_vec();
        for set in &self.sets {
            if let Some(index) = sizes.iter().position(|size| *size == set.len()) {
                sizes.remove(index);
            }
        }
        sizes.dedup();
        for size in sizes {
            self.fill(&mut vec![*first], rest, &mut Vec::new(), size, cost);
        }
    }

    /// Fills the group that was opened, from `rest`; those in `skipped` are left for others.
    fn fill(
        &mut self,
        set: &mut Vec<Seat>,
        rest: &[Seat],
        skipped: &mut Vec<Seat>,
        size: usize,
        cost: u32,
    ) {
        if self.best.as_ref().is_some_and(|(least, _)| cost >= *least) {
            return;
        }
        if set.len() == size {
            let left = [skipped.as_slice(), rest].concat();
            self.sets.push(set.clone());
            self.place(&left, cost);
            self.sets.pop();
            return;
        }
        let Some((next, rest)) = rest.split_first() else { return };
        let again: u32 = set.iter().map(|other| self.groups.times(*next, *other)).sum();
        set.push(*next);
        self.fill(set, rest, skipped, size, cost + again);
        set.pop();
        skipped.push(*next);
        self.fill(set, rest, skipped, size, cost);
        skipped.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats(numbers: std::ops::Range<u8>) -> Vec<Seat> {
        numbers.map(Seat).collect()
    }

    fn lengths(sets: &[Vec<Seat>]) -> Vec<usize> {
        let mut lengths: Vec<usize> = sets.iter().map(Vec::len).collect();
        lengths.sort_unstable();
        lengths
    }

    #[test]
    fn nobody_is_alone() {
        for (people, size, expected) in [
            (2, 2, vec![2]),
            (3, 2, vec![3]),
            (7, 2, vec![2, 2, 3]),
            (8, 2, vec![2, 2, 2, 2]),
            (7, 4, vec![3, 4]),
            (5, 4, vec![2, 3]),
            (8, 3, vec![2, 3, 3]),
            (4, 3, vec![2, 2]),
        ] {
            assert_eq!(
                lengths(&neighbours(&seats(0..people), size)),
                expected,
                "{people} by {size}"
            );
        }
    }

    #[test]
    fn pairs_join_to_fours() {
        for (people, expected) in [(8, vec![4, 4]), (7, vec![3, 4]), (6, vec![2, 4]), (3, vec![3])]
        {
            let pairs = neighbours(&seats(0..people), 2);
            let fours = join(pairs.clone(), how_many(usize::from(people), 4), 4);
            assert_eq!(lengths(&fours), expected, "{people}");
            for pair in pairs {
                assert!(fours.iter().any(|four| pair.iter().all(|seat| four.contains(seat))));
            }
        }
    }

    #[test]
    fn company_is_new_as_long_as_it_can_be() {
        // Eight people can meet in pairs seven times before two meet again.
        let mut groups = Groups::default();
        let everyone = seats(0..8);
        for time in 1..=7 {
            let sets = groups.rotate(&everyone, 2);
            assert_eq!(lengths(&sets), [2, 2, 2, 2]);
            for set in &sets {
                groups.meet(set[0], set[1]);
            }
            if time <= 4 {
                assert!(groups.met.iter().all(|(_, _, times)| *times == 1), "after {time}");
            }
        }
        // The largest room there is.
        assert_eq!(lengths(&groups.rotate(&seats(0..11), 2)), [2, 2, 2, 2, 3]);
    }
}
