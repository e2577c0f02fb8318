//! Whatever people do, in whatever order, in every phase of every template that ships: the floor
//! keeps its promises.

use palabre_facilitation::{
    Floor, FloorPolicy, FloorTimer, Member, Part, Phase, Scene, Step as FloorStep, Template, speaks,
};
use palabre_ids::{Millis, Role, Seat, UnixMillis};
use palabre_vocabulary::Firmness;
use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// How long a speaker's place is kept in these rooms.
const HOLD: Millis = Millis::from_secs(20);
/// In `quiet_first`, whoever waits is overtaken this often at most.
const PATIENCE: usize = 3;

#[derive(Debug, Clone)]
enum Act {
    Request(usize),
    Cancel(usize),
    Release(usize),
    Yield(usize, Option<usize>),
    Pass(usize),
    Grant(usize),
    Revoke,
    Skip,
    Drop(usize),
    Return(usize),
    Leave(usize),
    NameClient(usize),
    Talk(usize, u32),
    Chair(bool),
    Pause,
    Resume,
    Wait(u64),
    NextPhase,
}

fn act() -> impl Strategy<Value = Act> {
    let who = || any::<usize>();
    prop_oneof![
        6 => who().prop_map(Act::Request),
        1 => who().prop_map(Act::Cancel),
        6 => who().prop_map(Act::Release),
        4 => (who(), prop::option::of(who())).prop_map(|(seat, to)| Act::Yield(seat, to)),
        4 => who().prop_map(Act::Pass),
        3 => who().prop_map(Act::Grant),
        1 => Just(Act::Revoke),
        2 => Just(Act::Skip),
        3 => who().prop_map(Act::Drop),
        4 => who().prop_map(Act::Return),
        1 => who().prop_map(Act::Leave),
        1 => who().prop_map(Act::NameClient),
        2 => (who(), 0..4_000_u32).prop_map(|(seat, talk)| Act::Talk(seat, talk)),
        1 => any::<bool>().prop_map(Act::Chair),
        1 => Just(Act::Pause),
        2 => Just(Act::Resume),
        8 => (1..90_000_u64).prop_map(Act::Wait),
        2 => Just(Act::NextPhase),
    ]
}

/// A room's people, their clocks, and a floor.
struct World {
    template: Template,
    phase: usize,
    cast: Vec<Member>,
    floor: Floor,
    now: UnixMillis,
    paused: bool,
    by_itself: bool,
    talk: Vec<(Seat, u32)>,
    /// The chair took the floor: nobody is next until it says so.
    resting: bool,
    last_turn: u64,
    /// How often each hand that is up was overtaken by a later one.
    overtaken: Vec<(Seat, UnixMillis, usize)>,
}

impl World {
    fn new(template: Template, phase: usize, people: u8, absent: u8) -> Self {
        let cast = (0..people)
            .map(|seat| Member {
                seat: Seat(seat),
                role: match seat {
                    0 => Role::Facilitator,
                    1 => Role::Client,
                    2 if people > 6 => Role::CoFacilitator,
                    _ if seat + 1 == people && people > 7 => Role::Observer,
                    _ => Role::Consultant,
                },
                expert: seat == 4,
                here: seat == 0 || seat + absent < people,
                joined: seat == 0 || seat + absent < people,
            })
            .collect();
        let mut world = Self {
            phase: phase % template.phases.len(),
            template,
            cast,
            floor: Floor::default(),
            now: UnixMillis(1_000_000),
            paused: false,
            by_itself: false,
            talk: Vec::new(),
            resting: false,
            last_turn: 0,
            overtaken: Vec::new(),
        };
        world.on_floor(|floor, scene| floor.begin(scene));
        world
    }

    fn phase(&self) -> &Phase {
        &self.template.phases[self.phase]
    }

    fn waiting(&self) -> bool {
        !self.cast.iter().any(|member| member.here)
    }

    fn on_floor<T>(&mut self, act: impl FnOnce(&mut Floor, Scene<'_>) -> T) -> T {
        let waiting = self.waiting();
        let scene = Scene {
            phase: &self.template.phases[self.phase],
            cast: &self.cast,
            now: self.now,
            paused: self.paused || waiting,
            waiting,
            hold: HOLD,
            by_itself: self.by_itself,
            talk: &self.talk,
        };
        act(&mut self.floor, scene)
    }

    fn is_over(&self) -> bool {
        let scene = Scene {
            phase: self.phase(),
            cast: &self.cast,
            now: self.now,
            paused: self.paused,
            waiting: false,
            hold: HOLD,
            by_itself: self.by_itself,
            talk: &self.talk,
        };
        self.floor.is_over(scene)
    }

    fn policy(&self) -> &FloorPolicy {
        &self.floor.step(self.phase()).floor
    }

    fn member(&self, index: usize) -> Member {
        self.cast[index % self.cast.len()]
    }

    fn of(&self, seat: Seat) -> Member {
        self.cast[seat.index()]
    }

    fn fire(&mut self, timer: FloorTimer) {
        self.on_floor(|floor, scene| floor.fire(timer, scene));
    }

    /// Lets time go by, with everything that is due on the way.
    fn wait(&mut self, length: u64) -> Result<(), TestCaseError> {
        let end = self.now + Millis(length);
        let mut fired = 0;
        while let Some((at, timer)) =
            self.floor.next_timer(self.phase()).filter(|(at, _)| *at <= end)
        {
            fired += 1;
            prop_assert!(fired < 1_000, "the floor is busy with {timer:?}");
            self.now = self.now.max(at);
            self.fire(timer);
            self.check()?;
        }
        self.now = end;
        Ok(())
    }

    fn stop_clocks(&mut self) {
        let now = self.now;
        self.floor.pause(now);
    }

    /// The clocks run again, if nothing else stops them.
    fn run_clocks(&mut self) {
        if !self.paused && !self.waiting() {
            let now = self.now;
            self.floor.resume(now);
        }
    }

    fn carry_out(&mut self, act: &Act) -> Result<(), TestCaseError> {
        match *act {
            Act::Request(who) => {
                let member = self.member(who);
                if member.here {
                    let _refused = self.on_floor(|floor, scene| floor.request(member, scene));
                }
            }
            Act::Cancel(who) => {
                let seat = self.member(who).seat;
                let _refused = self.floor.cancel(seat);
            }
            Act::Release(who) => {
                let seat = self.speaker(who);
                let _refused = self.on_floor(|floor, scene| floor.release(seat, scene));
            }
            Act::Yield(who, to) => {
                let seat = self.speaker(who);
                let to = to.map(|to| self.member(to).seat);
                let _refused = self.on_floor(|floor, scene| floor.yield_floor(seat, to, scene));
            }
            Act::Pass(who) => {
                let seat = self.speaker(who);
                let _refused = self.on_floor(|floor, scene| floor.pass(seat, scene));
            }
            Act::Grant(who) => {
                let member = self.member(who);
                if self.on_floor(|floor, scene| floor.grant(member, scene)).is_ok() {
                    self.resting &= self.floor.turn().is_none();
                }
            }
            Act::Revoke => {
                if self.on_floor(|floor, scene| floor.revoke(scene)).is_ok() {
                    self.resting = true;
                }
            }
            Act::Skip => {
                if self.on_floor(|floor, scene| floor.skip(scene)).is_ok() {
                    self.resting = false;
                }
            }
            Act::Drop(who) => {
                let index = who % self.cast.len();
                if self.cast[index].here {
                    self.cast[index].here = false;
                    if self.waiting() {
                        self.stop_clocks();
                    }
                    let (seat, now, kept) = (self.cast[index].seat, self.now, self.waiting());
                    self.floor.hold(seat, now, kept);
                    self.on_floor(|floor, scene| floor.settle(scene));
                }
            }
            Act::Return(who) => {
                let index = who % self.cast.len();
                if !self.cast[index].here {
                    let was_waiting = self.waiting();
                    self.cast[index].here = true;
                    self.cast[index].joined = true;
                    if was_waiting {
                        self.run_clocks();
                        // Who is still away drops now, as far as the floor knows.
                        let now = self.now;
                        for member in self.cast.clone() {
                            if member.joined && !member.here {
                                self.floor.hold(member.seat, now, false);
                            }
                        }
                    }
                    let seat = self.cast[index].seat;
                    self.on_floor(|floor, scene| floor.unhold(seat, scene));
                }
            }
            Act::Leave(who) => {
                let index = who % self.cast.len();
                // Somebody stays: an empty room is another test's.
                if self.cast.iter().filter(|member| member.here).count() > 1 {
                    self.cast[index].here = false;
                    self.cast[index].joined = false;
                    let seat = self.cast[index].seat;
                    self.on_floor(|floor, scene| floor.leave(seat, scene));
                }
            }
            Act::NameClient(who) => {
                let index = who % self.cast.len();
                if self.cast[index].role == Role::Consultant && self.cast[index].here {
                    for member in &mut self.cast {
                        if member.role == Role::Client {
                            member.role = Role::Consultant;
                        }
                    }
                    self.cast[index].role = Role::Client;
                    self.cast[index].expert = false;
                    self.on_floor(|floor, scene| floor.settle(scene));
                }
            }
            Act::Talk(who, talk) => {
                let seat = self.member(who).seat;
                self.talk.retain(|(other, _)| *other != seat);
                self.talk.push((seat, talk));
            }
            Act::Chair(gone) => {
                self.by_itself = gone;
                if gone {
                    self.resting = false;
                    self.on_floor(|floor, scene| floor.go_on(scene));
                }
            }
            Act::Pause => {
                if !self.paused {
                    self.paused = true;
                    self.stop_clocks();
                }
            }
            Act::Resume => {
                if self.paused {
                    self.paused = false;
                    self.run_clocks();
                }
            }
            Act::Wait(length) => self.wait(length)?,
            Act::NextPhase => self.next_phase(),
        }
        Ok(())
    }

    fn next_phase(&mut self) {
        self.phase = (self.phase + 1) % self.template.phases.len();
        self.paused = false;
        self.resting = false;
        self.overtaken.clear();
        self.on_floor(|floor, scene| floor.begin(scene));
    }

    /// Mostly who has the floor, or random acts would hardly ever meet them.
    fn speaker(&self, who: usize) -> Seat {
        let seat = self.member(who).seat;
        let circle = self.floor.circle();
        match (who % 4, self.floor.turn()) {
            (0, _) => seat,
            (_, Some(turn)) => turn.seat,
            (_, None) => circle.get(who % circle.len().max(1)).copied().unwrap_or(seat),
        }
    }

    fn hands(&self) -> Vec<(Seat, UnixMillis, bool)> {
        self.floor
            .hands()
            .iter()
            .map(|hand| (hand.seat, hand.since, hand.resume.is_some()))
            .collect()
    }

    /// What holds at every moment.
    fn check(&mut self) -> Result<(), TestCaseError> {
        self.check_speakers()?;
        self.check_hands()?;
        self.check_groups()?;
        self.check_shares()?;
        let written = serde_json::to_string(&self.floor).expect("a floor is plain data");
        let read: Floor = serde_json::from_str(&written).expect("what was written");
        prop_assert_eq!(&read, &self.floor);
        Ok(())
    }

    fn check_speakers(&mut self) -> Result<(), TestCaseError> {
        let circle = self.floor.circle();
        let policy = self.policy().clone();
        if let Some(turn) = self.floor.turn() {
            let holder = self.of(turn.seat);
            // The rest of a floor that was theirs alone waits for them in the steps behind it.
            let alone = |step: &FloorStep| matches!(step.floor, FloorPolicy::Holder { who, .. } if who == holder.role);
            let may = policy.turn_for(holder.role) || self.phase().steps.iter().any(alone);
            prop_assert!(may, "{policy:?} has a turn for {holder:?}");
            prop_assert!(holder.here || turn.is_held(), "{holder:?} is away, and not held");
            prop_assert!(circle.is_empty());
            if let (FloorPolicy::Pair { ask, answer, .. }, part) = (&policy, turn.part) {
                match part {
                    Part::Ask => prop_assert!(ask.contains(holder.role)),
                    Part::Answer { asker } => {
                        prop_assert!(answer.may_be(holder.role));
                        prop_assert!(asker != Some(turn.seat), "nobody answers themselves");
                    }
                    Part::Speak => prop_assert!(false, "in a pair one asks or answers"),
                }
            }
            let id = turn.id.0;
            prop_assert!(id >= self.last_turn, "turn {id} after {}", self.last_turn);
            self.last_turn = id;
        }
        match policy.circle() {
            None => prop_assert!(circle.is_empty()),
            Some(seats) => {
                prop_assert!(circle.len() <= seats, "{circle:?} in a circle of {seats}");
                prop_assert!(self.floor.turn().is_none());
                for (index, seat) in circle.iter().enumerate() {
                    prop_assert!(!circle[..index].contains(seat));
                    prop_assert!(policy.takes_request_of(self.of(*seat).role));
                    prop_assert!(self.of(*seat).joined);
                }
            }
        }
        // Whoever speaks holds the floor, by a turn or in the circle, where there are such.
        for member in &self.cast {
            let may = self.floor.may_speak(self.phase(), member.seat, member.role);
            let expected = match &policy {
                FloorPolicy::Open { seats: Some(_), .. } => circle.contains(&member.seat),
                FloorPolicy::Open { who, .. } => who.contains(member.role),
                FloorPolicy::Breakout { .. } => speaks(member.role),
                FloorPolicy::Silence => false,
                _ => self.floor.turn().is_some_and(|turn| turn.seat == member.seat),
            };
            prop_assert_eq!(may, expected);
        }
        Ok(())
    }

    fn check_hands(&self) -> Result<(), TestCaseError> {
        let hands = self.hands();
        let circle = self.floor.circle();
        for (index, (seat, _, kept)) in hands.iter().enumerate() {
            prop_assert!(!hands[..index].iter().any(|(other, ..)| other == seat));
            prop_assert!(!circle.contains(seat));
            prop_assert!(self.floor.turn().is_none_or(|turn| turn.seat != *seat));
            prop_assert!(self.floor.takes_request_of(self.phase(), self.of(*seat).role) || *kept);
        }
        let kept_behind = hands.windows(2).any(|pair| !pair[0].2 && pair[1].2);
        prop_assert!(!kept_behind, "what is kept comes first: {hands:?}");
        // The floor is never idle while somebody waits who can have it.
        let policy = self.policy();
        let gives = match policy {
            FloorPolicy::Queue { .. } | FloorPolicy::QuietFirst { .. } => true,
            FloorPolicy::ChairQueue { .. } => self.by_itself,
            _ => false,
        };
        let waits = |(seat, ..): &(Seat, UnixMillis, bool)| {
            self.of(*seat).here && policy.takes_request_of(self.of(*seat).role)
        };
        if gives && !self.resting && !self.waiting() && self.floor.turn().is_none() {
            prop_assert!(!hands.iter().any(waits), "{hands:?} under {policy:?}");
        }
        if let Some(seats) = policy.circle()
            && !self.waiting()
            && circle.len() < seats
        {
            prop_assert!(!hands.iter().any(waits), "{hands:?} beside {circle:?}");
        }
        Ok(())
    }

    fn check_groups(&self) -> Result<(), TestCaseError> {
        let groups = self.floor.groups();
        if !matches!(self.policy(), FloorPolicy::Breakout { .. }) {
            prop_assert!(groups.is_empty());
            return Ok(());
        }
        if self.waiting() {
            return Ok(());
        }
        let apart = |member: &&Member| speaks(member.role) && !member.role.facilitates();
        let here: Vec<Seat> = self
            .cast
            .iter()
            .filter(apart)
            .filter(|member| member.here)
            .map(|member| member.seat)
            .collect();
        let mut seen = Vec::new();
        for (_, seats) in groups {
            for seat in seats {
                prop_assert!(!seen.contains(seat), "{seat} is in two groups of {groups:?}");
                prop_assert!(self.of(*seat).joined && apart(&&self.of(*seat)));
                seen.push(*seat);
            }
        }
        if here.len() >= 2 {
            for seat in &here {
                prop_assert!(seen.contains(seat), "{seat} is in no group of {groups:?}");
            }
            let present = |seats: &[Seat]| seats.iter().filter(|seat| here.contains(seat)).count();
            for (_, seats) in groups {
                let alone = seats.len() == 1 && here.contains(&seats[0]);
                prop_assert!(!alone, "{seats:?} is alone, of {groups:?}");
            }
            // Whoever is here alone waits for somebody, no longer than a speaker is waited for.
            let alone = groups.iter().any(|(_, seats)| present(seats) == 1);
            let others = groups.iter().filter(|(_, seats)| present(seats) > 0).count() > 1;
            if alone && others && !self.paused {
                let timer = self.floor.next_timer(self.phase());
                prop_assert!(
                    timer.is_some_and(|(at, _)| at <= self.now + HOLD),
                    "{groups:?}: nobody comes to their help"
                );
            }
        }
        let numbers: Vec<u8> = groups.iter().map(|(group, _)| group.0).collect();
        prop_assert!(numbers.is_sorted() && !numbers.contains(&0));
        Ok(())
    }

    fn check_shares(&mut self) -> Result<(), TestCaseError> {
        let breakout = matches!(self.policy(), FloorPolicy::Breakout { .. });
        let shares = self.on_floor(|floor, scene| floor.entitlement(scene));
        prop_assert!(shares.is_sorted(), "{shares:?}");
        let sum: u32 = shares.iter().map(|(_, part)| part).sum();
        prop_assert!(breakout || sum <= 1_000, "{shares:?}");
        for (seat, part) in &shares {
            prop_assert!(*part > 0 && *part <= 1_000 && self.of(*seat).here);
            prop_assert!(speaks(self.of(*seat).role));
        }
        Ok(())
    }

    /// Two hands never change places, but by a drop that is kept; and in `quiet_first` nobody who
    /// waits is overtaken more often than the floor promises.
    fn check_order(
        &mut self,
        before: &[(Seat, UnixMillis, bool)],
        phase_before: usize,
    ) -> Result<(), TestCaseError> {
        let after = self.hands();
        if self.phase != phase_before {
            self.overtaken = after.iter().map(|(seat, since, _)| (*seat, *since, 0)).collect();
            return Ok(());
        }
        let stayed: Vec<_> = before.iter().filter(|hand| after.contains(hand)).collect();
        let now: Vec<_> = after.iter().filter(|hand| before.contains(hand)).collect();
        prop_assert_eq!(stayed, now, "two hands changed places");
        let quiet = matches!(self.policy(), FloorPolicy::QuietFirst { .. });
        for (index, hand) in after.iter().enumerate() {
            if before.contains(hand) || hand.2 {
                continue;
            }
            for (seat, since, _) in &after[index + 1..] {
                if let Some(entry) =
                    self.overtaken.iter_mut().find(|(s, at, _)| (s, at) == (seat, since))
                {
                    entry.2 += 1;
                    prop_assert!(!quiet || entry.2 <= PATIENCE, "{seat} is overtaken for ever");
                }
            }
        }
        let known = std::mem::take(&mut self.overtaken);
        self.overtaken = after
            .iter()
            .map(|(seat, since, _)| {
                let entry = known.iter().find(|(s, at, _)| (s, at) == (seat, since));
                entry.copied().unwrap_or((*seat, *since, 0))
            })
            .collect();
        Ok(())
    }

    /// From here on everyone takes part, nobody drops: the phase's rounds come to their end.
    fn finish(&mut self) -> Result<(), TestCaseError> {
        for index in 0..self.cast.len() {
            self.carry_out(&Act::Return(index))?;
        }
        self.carry_out(&Act::Resume)?;
        if self.resting {
            self.carry_out(&Act::Skip)?;
        }
        let ends = self.phase().steps.last().is_some_and(|step| step.floor.ends_by_itself());
        for _ in 0..400 {
            if self.is_over() {
                return Ok(());
            }
            if let Some(turn) = self.floor.turn() {
                let (seat, part, held) = (turn.seat, turn.part, turn.is_held());
                prop_assert!(!held, "everyone is here");
                // A council ends when nobody speaks any more; the others say something.
                if part == Part::Speak && matches!(self.policy(), FloorPolicy::RoundRobin { .. }) {
                    prop_assert!(self.on_floor(|floor, scene| floor.pass(seat, scene)).is_ok());
                } else if self.phase().firmness == Firmness::Enforce && turn.cut_at().is_some() {
                    self.wait(200_000)?;
                } else {
                    prop_assert!(self.on_floor(|floor, scene| floor.release(seat, scene)).is_ok());
                }
            } else if self.floor.step_clock().is_some() {
                self.wait(60_000)?;
            } else if !ends {
                // A queue that nobody asks in, an open floor, a silence.
                let step = self.floor.step(self.phase());
                prop_assert!(!step.floor.ends_by_itself() || self.nobody_is_left());
                return Ok(());
            } else {
                prop_assert!(self.nobody_is_left(), "{:?} does not end", self.policy());
                return Ok(());
            }
            self.check()?;
        }
        prop_assert!(false, "{:?} never ends", self.policy());
        Ok(())
    }

    /// A holder whose role nobody has, a pair without anybody to answer.
    fn nobody_is_left(&self) -> bool {
        let fits = |fits: &dyn Fn(Role) -> bool| {
            self.cast.iter().filter(|member| member.here && fits(member.role)).count()
        };
        match self.policy() {
            FloorPolicy::Holder { who, .. } => fits(&|role| role == *who) == 0,
            FloorPolicy::Pair { ask, answer, .. } => {
                let both = fits(&|role| ask.contains(role) || answer.may_be(role));
                fits(&|role| answer.may_be(role)) == 0 || both < 2
            }
            _ => false,
        }
    }
}

fn run(
    template: &Template,
    (phase, people, absent): (usize, u8, u8),
    acts: &[Act],
) -> Result<(), TestCaseError> {
    let mut world = World::new(template.clone(), phase, people, absent.min(people - 1));
    world.check()?;
    for act in acts {
        let (hands, phase) = (world.hands(), world.phase);
        world.carry_out(act)?;
        world.check()?;
        if !matches!(act, Act::Wait(_)) {
            world.check_order(&hands, phase)?;
        } else {
            world.overtaken.clear();
        }
    }
    world.finish()
}

/// What no template that ships uses, but anybody's own file may.
const OWN: &str = include_str!("templates/own.toml");

/// How many sequences for each template; `PALABRE_FLOOR_CASES` says otherwise.
const CASES: u32 = 256;

#[test]
fn the_floor_keeps_its_promises_in_every_template() {
    let cases = std::env::var("PALABRE_FLOOR_CASES")
        .ok()
        .map_or(CASES, |text| text.parse().expect("a number of cases"));
    let own = Template::parse(OWN).expect("the test's own template is sound");
    for template in Template::all_builtin().into_iter().chain([own]) {
        let config = Config {
            cases,
            failure_persistence: None,
            max_shrink_iters: 2_000,
            ..Config::default()
        };
        let start = (any::<usize>(), 2..=9_u8, 0..4_u8);
        let sequences = (start, prop::collection::vec(act(), 1..120));
        TestRunner::new(config)
            .run(&sequences, |(start, acts)| run(&template, start, &acts))
            .unwrap_or_else(|failure| panic!("{}: {failure}", template.id));
    }
}
