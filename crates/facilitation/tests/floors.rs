//! The floors beyond the first ones, one promise at a time.

use palabre_facilitation::{
    Floor, FloorPolicy, FloorRefusal, FloorTimer, Member, Part, Phase, Scene, Template,
};
use palabre_ids::{Millis, Role, Seat, UnixMillis};

const HOLD: Millis = Millis::from_secs(20);

/// A group and a floor in one phase, at a time.
struct Table {
    phase: Phase,
    cast: Vec<Member>,
    floor: Floor,
    now: UnixMillis,
    by_itself: bool,
    talk: Vec<(Seat, u32)>,
}

impl Table {
    /// The facilitator in seat 0, the client in seat 1, consultants; `floor` is the phase's.
    fn new(people: u8, floors: &str) -> Self {
        let text = format!(
            "id = \"t\"\ntitle = {{ fr = \"T\", en = \"T\" }}\npurpose = {{ fr = \"B\", en = \"P\" }}\npeople = 8\n\
             [[phase]]\nid = \"p\"\ntitle = {{ fr = \"T\", en = \"T\" }}\npurpose = {{ fr = \"B\", en = \"P\" }}\n\
             target = \"1 h\"\nneeds = [\"client\"]\nprompts = {{ everyone = {{ fr = \"V\", en = \"Y\" }} }}\n{floors}"
        );
        let template = Template::parse(&text).expect("the test's own floors are sound");
        let role = |seat| match seat {
            0 => Role::Facilitator,
            1 => Role::Client,
            _ => Role::Consultant,
        };
        let cast = (0..people)
            .map(|seat| Member {
                seat: Seat(seat),
                role: role(seat),
                expert: false,
                here: true,
                joined: true,
            })
            .collect();
        let mut table = Self {
            phase: template.phases[0].clone(),
            cast,
            floor: Floor::default(),
            now: UnixMillis(1_000),
            by_itself: false,
            talk: Vec::new(),
        };
        table.act(|floor, scene| floor.begin(scene));
        table
    }

    fn act<T>(&mut self, act: impl FnOnce(&mut Floor, Scene<'_>) -> T) -> T {
        let scene = Scene {
            phase: &self.phase,
            cast: &self.cast,
            now: self.now,
            paused: false,
            waiting: false,
            hold: HOLD,
            by_itself: self.by_itself,
            talk: &self.talk,
        };
        act(&mut self.floor, scene)
    }

    fn asks(&mut self, seat: u8) {
        let member = self.cast[usize::from(seat)];
        self.act(|floor, scene| floor.request(member, scene)).expect("the hand is taken");
    }

    fn releases(&mut self, seat: u8) {
        self.act(|floor, scene| floor.release(Seat(seat), scene)).expect("they have the floor");
    }

    fn passes(&mut self, seat: u8) {
        self.act(|floor, scene| floor.pass(Seat(seat), scene)).expect("they have a place");
    }

    fn drops(&mut self, seat: u8) {
        self.cast[usize::from(seat)].here = false;
        let now = self.now;
        self.floor.hold(Seat(seat), now, false);
        self.act(|floor, scene| floor.settle(scene));
    }

    fn returns(&mut self, seat: u8) {
        self.cast[usize::from(seat)].here = true;
        self.cast[usize::from(seat)].joined = true;
        self.act(|floor, scene| floor.unhold(Seat(seat), scene));
    }

    fn wait(&mut self, seconds: u64) {
        let end = self.now + Millis::from_secs(seconds);
        while let Some((at, timer)) =
            self.floor.next_timer(&self.phase).filter(|(at, _)| *at <= end)
        {
            self.now = at;
            self.act(|floor, scene| floor.fire(timer, scene));
        }
        self.now = end;
    }

    fn holder(&self) -> Option<u8> {
        self.floor.turn().map(|turn| turn.seat.0)
    }

    fn hands(&self) -> Vec<u8> {
        self.floor.hands().iter().map(|hand| hand.seat.0).collect()
    }

    fn circle(&self) -> Vec<u8> {
        self.floor.circle().iter().map(|seat| seat.0).collect()
    }

    fn groups(&self) -> Vec<Vec<u8>> {
        let seats = |seats: &[Seat]| seats.iter().map(|seat| seat.0).collect();
        self.floor.groups().iter().map(|(_, set)| seats(set)).collect()
    }

    fn is_over(&mut self) -> bool {
        self.act(|floor, scene| floor.is_over(scene))
    }
}

const QUIET: &str =
    "[[phase.floor]]\npolicy = \"quiet_first\"\nwho = [\"consultant\"]\nturn = \"60 s\"";

#[test]
fn the_quietest_hand_comes_first_but_overtakes_nobody_for_ever() {
    let mut table = Table::new(9, QUIET);
    table.talk = vec![(Seat(2), 100), (Seat(3), 2_000), (Seat(4), 900), (Seat(5), 300)];
    table.asks(2);
    table.asks(3);
    table.asks(4);
    table.asks(5);
    assert_eq!((table.holder(), table.hands()), (Some(2), vec![5, 4, 3]));
    // Seat 3 was overtaken by 4 and 5; once more, and no more.
    table.asks(6);
    table.asks(7);
    assert_eq!(table.hands(), [6, 5, 4, 3, 7]);
}

#[test]
fn the_chair_picks_among_hands_and_without_one_they_come_in_order() {
    let floor =
        "[[phase.floor]]\npolicy = \"chair_queue\"\nwho = [\"consultant\"]\nturn = \"60 s\"";
    let mut table = Table::new(5, floor);
    for seat in [2, 3, 4] {
        table.asks(seat);
    }
    assert_eq!(table.holder(), None, "nobody is picked");
    let member = table.cast[3];
    table.act(|floor, scene| floor.grant(member, scene)).expect("their hand is up");
    assert_eq!((table.holder(), table.hands()), (Some(3), vec![2, 4]));
    table.releases(3);
    assert_eq!(table.holder(), None);
    table.act(|floor, scene| floor.skip(scene)).expect("somebody waits");
    assert_eq!(table.holder(), Some(2), "the first of those who wait");
    table.by_itself = true;
    table.releases(2);
    assert_eq!(table.holder(), Some(4));
}

#[test]
fn a_council_goes_round_until_a_round_is_silent() {
    let floor = "[[phase.floor]]\npolicy = \"round_robin\"\nwho = [\"client\", \"consultant\"]\nturn = \"60 s\"\nrounds = \"until_silent\"";
    let mut table = Table::new(4, floor);
    table.releases(1);
    table.passes(2);
    table.passes(3);
    assert_eq!(table.holder(), Some(1), "somebody spoke: another round");
    table.passes(1);
    table.releases(2);
    table.passes(3);
    assert_eq!(table.holder(), Some(1));
    for seat in [1, 2, 3] {
        assert!(!table.is_over());
        table.passes(seat);
    }
    assert_eq!(table.holder(), None);
    assert!(table.is_over(), "a whole round was silent");
    assert_eq!(table.floor.pitched(), [Seat(1), Seat(2)], "who passed did not pitch");
}

const NAMED: &str = "[[phase.floor]]\npolicy = \"pair\"\nask = [\"client\", \"consultant\"]\nask_turn = \"20 s\"\nanswer = [\"client\", \"consultant\"]\nanswer_turn = \"60 s\"\nby = \"queue\"";

#[test]
fn the_asker_names_who_answers() {
    let mut table = Table::new(5, NAMED);
    table.asks(2);
    table.asks(3);
    let mut names =
        |to: Option<u8>| table.act(|floor, scene| floor.yield_floor(Seat(2), to.map(Seat), scene));
    assert_eq!(names(None), Err(FloorRefusal::NotEligible), "whom?");
    assert_eq!(names(Some(2)), Err(FloorRefusal::NotEligible), "nobody answers themselves");
    assert_eq!(names(Some(0)), Err(FloorRefusal::NotEligible), "the facilitator does not answer");
    assert_eq!(names(Some(4)), Ok(()));
    let turn = table.floor.turn().expect("the answer").clone();
    assert_eq!((turn.seat, turn.part), (Seat(4), Part::Answer { asker: Some(Seat(2)) }));
    table.releases(4);
    // A question let go without a name has no answer: the next one asks.
    assert_eq!(table.holder(), Some(3));
    table.releases(3);
    assert_eq!(table.holder(), None);
}

const CIRCLE: &str = "[[phase.floor]]\npolicy = \"open\"\nseats = 2\nwho = [\"consultant\"]";

#[test]
fn a_circle_has_its_seats_and_keeps_them_for_who_drops() {
    let mut table = Table::new(6, CIRCLE);
    for seat in [2, 3, 4, 5] {
        table.asks(seat);
    }
    assert_eq!((table.circle(), table.hands()), (vec![2, 3], vec![4, 5]));
    assert!(!table.floor.may_speak(&table.phase, Seat(4), Role::Consultant));
    table.drops(2);
    table.wait(19);
    assert_eq!(table.circle(), [2, 3], "their seat is kept");
    table.wait(2);
    assert_eq!((table.circle(), table.hands()), (vec![3, 4], vec![2, 5]), "then they wait first");
    table.returns(2);
    table.releases(3);
    assert_eq!((table.circle(), table.hands()), (vec![4, 2], vec![5]));
    // Nobody leaves, and somebody waits: whoever sat longest makes room.
    table.act(|floor, scene| floor.skip(scene)).expect("somebody waits");
    assert_eq!((table.circle(), table.hands()), (vec![2, 5], vec![]));
    let outside = table.cast[3];
    let granted = table.act(|floor, scene| floor.grant(outside, scene));
    assert_eq!(granted, Err(FloorRefusal::NotEligible), "the circle is full");
}

const PAIRS: &str = "[[phase.floor]]\npolicy = \"breakout\"\nsize = 2\nlasts = \"10 min\"\n[[phase.floor]]\npolicy = \"breakout\"\nsize = 4\nmix = \"join\"\nlasts = \"10 min\"\n[[phase.floor]]\npolicy = \"breakout\"\nsize = 2\nmix = \"rotate\"\nlasts = \"10 min\"";

#[test]
fn pairs_become_fours_and_then_meet_anew() {
    let mut table = Table::new(9, PAIRS);
    assert_eq!(table.groups(), [[1, 2], [3, 4], [5, 6], [7, 8]]);
    table.wait(600);
    assert_eq!(table.groups(), [[1, 2, 3, 4], [5, 6, 7, 8]]);
    table.wait(600);
    // Who met in the fours meets the others now.
    for pair in table.groups() {
        assert!(pair[0] <= 4 && pair[1] > 4, "{pair:?}");
    }
    let member = table.cast[2];
    let granted = table.act(|floor, scene| floor.grant(member, scene));
    assert_eq!(granted, Err(FloorRefusal::NotInThisPhase), "a group needs no floor");
}

#[test]
fn nobody_stays_alone_in_a_group() {
    let mut table = Table::new(7, PAIRS);
    assert_eq!(table.groups(), [[1, 2], [3, 4], [5, 6]]);
    table.drops(2);
    table.wait(19);
    assert_eq!(table.groups()[0], [1, 2], "they are waited for");
    table.wait(2);
    assert_eq!(table.groups(), [vec![1, 2, 3, 4], vec![5, 6]], "then both groups are one");
    table.returns(2);
    assert_eq!(table.groups()[0], [1, 2, 3, 4], "and they find their company there");
    // Who leaves for good is not waited for.
    table.cast[6].here = false;
    table.cast[6].joined = false;
    table.act(|floor, scene| floor.leave(Seat(6), scene));
    assert_eq!(table.groups(), [[1, 2, 3, 4, 5]]);
}

#[test]
fn a_latecomer_joins_the_smallest_group() {
    let mut table = Table::new(6, PAIRS);
    assert_eq!(table.groups(), [vec![1, 2], vec![3, 4, 5]]);
    let late =
        Member { seat: Seat(6), role: Role::Consultant, expert: false, here: true, joined: true };
    table.cast.push(late);
    table.act(|floor, scene| floor.settle(scene));
    assert_eq!(table.groups(), [[1, 2, 6], [3, 4, 5]]);
}

#[test]
fn whoever_is_away_at_the_end_of_the_last_round_is_waited_for_once() {
    let floor =
        "[[phase.floor]]\npolicy = \"round_robin\"\nwho = [\"consultant\"]\nturn = \"60 s\"";
    let mut table = Table::new(5, floor);
    table.drops(4);
    table.releases(2);
    table.releases(3);
    assert!(!table.is_over(), "they are waited for");
    assert_eq!(
        table.floor.next_timer(&table.phase).map(|(_, timer)| timer),
        Some(FloorTimer::Round)
    );
    table.wait(21);
    assert!(table.is_over(), "as long as a speaker, and no longer");
    table.returns(4);
    assert_eq!(table.holder(), Some(4), "and their place is still theirs");
    assert!(!table.is_over());
    table.releases(4);
    assert!(table.is_over());
}

#[test]
fn time_is_shared_out_as_the_floor_is() {
    let shares = |table: &mut Table| -> Vec<(u8, u32)> {
        let shares = table.act(|floor, scene| floor.entitlement(scene));
        shares.into_iter().map(|(seat, part)| (seat.0, part)).collect()
    };
    let mut queue = Table::new(4, QUIET);
    assert_eq!(shares(&mut queue), [(2, 500), (3, 500)]);
    let mut account = Table::new(4, "[[phase.floor]]\npolicy = \"holder\"\nwho = \"client\"");
    assert_eq!(shares(&mut account), [(1, 1_000)], "a client's account is theirs");
    let pair = "[[phase.floor]]\npolicy = \"pair\"\nask = [\"consultant\"]\nask_turn = \"20 s\"\nanswer = \"client\"\nanswer_turn = \"60 s\"";
    let mut pair = Table::new(4, pair);
    assert_eq!(shares(&mut pair), [(1, 750), (2, 125), (3, 125)]);
    let mut groups = Table::new(6, PAIRS);
    assert_eq!(shares(&mut groups), [(1, 500), (2, 500), (3, 333), (4, 333), (5, 333)]);
    let mut silent = Table::new(4, "[[phase.floor]]\npolicy = \"silence\"");
    assert_eq!(shares(&mut silent), []);
    assert!(matches!(silent.floor.step(&silent.phase).floor, FloorPolicy::Silence));
}

/// The client tells, then consultants ask for the floor.
const TOLD_THEN_ASKED: &str = "[[phase.floor]]\npolicy = \"holder\"\nwho = \"client\"\n\
     turn = \"60 s\"\n[[phase.floor]]\npolicy = \"queue\"\nwho = [\"consultant\"]\nturn = \"30 s\"";

#[test]
fn the_rest_of_ones_own_floor_waits_in_the_steps_behind_it() {
    let mut table = Table::new(4, TOLD_THEN_ASKED);
    assert_eq!(table.holder(), Some(1));
    table.wait(20);
    table.drops(1);
    table.asks(2);
    table.asks(3);
    // Kept for 20 s, then the phase goes on without them.
    table.wait(21);
    assert_eq!(table.holder(), Some(2));
    assert_eq!(table.hands(), [1, 3]);
    table.returns(1);
    assert_eq!(table.holder(), Some(2), "nobody is cut short by who comes back");
    table.releases(2);
    let turn = table.floor.turn().expect("the client goes on");
    assert_eq!((turn.seat, turn.total), (Seat(1), Some(Millis::from_secs(60))));
    let clock = turn.clock().expect("its time is limited");
    assert_eq!(clock.deadline(), Some(table.now + Millis::from_secs(40)));
    table.releases(1);
    assert_eq!(table.holder(), Some(3));
    table.releases(3);
    assert_eq!(table.holder(), None, "it was the rest of one turn, and comes once");
}

#[test]
fn the_chair_gives_back_the_rest_of_a_floor_at_once() {
    let mut table = Table::new(4, TOLD_THEN_ASKED);
    table.drops(1);
    table.asks(2);
    table.wait(21);
    table.returns(1);
    let client = table.cast[1];
    table.act(|floor, scene| floor.grant(client, scene)).expect("something of theirs is kept");
    assert_eq!(table.holder(), Some(1));
    table.releases(1);
    let again = table.act(|floor, scene| floor.grant(client, scene));
    assert_eq!(again, Err(FloorRefusal::NotEligible));
}

#[test]
fn who_is_the_client_no_longer_has_no_floor_kept() {
    let mut table = Table::new(4, TOLD_THEN_ASKED);
    table.drops(1);
    table.wait(21);
    table.cast[1].role = Role::Observer;
    table.returns(1);
    assert_eq!((table.holder(), table.hands()), (None, vec![]));
}
