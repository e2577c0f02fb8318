//! What people do with the floor.

use palabre_ids::Seat;

use super::rules::{can_start, may_be_named, part_of};
use super::{Ending, Floor, FloorRefusal, Member, Scene};
use crate::{FloorPolicy, Part};

impl Floor {
    /// Raises a hand.
    ///
    /// # Errors
    /// When one is up, the floor is held, or none is taken.
    pub fn request(&mut self, member: Member, scene: Scene<'_>) -> Result<(), FloorRefusal> {
        if !self.takes_request_of(scene.phase, member.role) {
            return Err(FloorRefusal::NotInThisPhase);
        }
        let seat = member.seat;
        if self.hands.contains(seat) || self.holds(seat) || self.circle.contains(seat) {
            return Err(FloorRefusal::AlreadyAsked);
        }
        self.raise(member, scene);
        self.settle(scene);
        Ok(())
    }

    /// Lowers a hand; what was left of a turn is given up with it.
    ///
    /// # Errors
    /// When none is up.
    pub fn cancel(&mut self, seat: Seat) -> Result<(), FloorRefusal> {
        self.hands.lower(seat).map(drop).ok_or(FloorRefusal::NothingToCancel)
    }

    /// The holder ends their turn; in a circle, somebody gives their seat back.
    ///
    /// # Errors
    /// When the seat does not hold the floor.
    pub fn release(&mut self, seat: Seat, scene: Scene<'_>) -> Result<(), FloorRefusal> {
        if self.holds(seat) {
            self.end_turn(Ending::Heard, scene);
        } else if !self.circle.leave(seat) {
            return Err(FloorRefusal::NotYourTurn);
        }
        self.settle(scene);
        Ok(())
    }

    /// In a pair: the answering side gives the word back, or the asking side to the answer. Where
    /// the asker chooses who answers, they name somebody; a question let go otherwise has no answer.
    ///
    /// # Errors
    /// When the seat does not hold the floor, this is no pair, or that person cannot answer.
    pub fn yield_floor(
        &mut self,
        seat: Seat,
        to: Option<Seat>,
        scene: Scene<'_>,
    ) -> Result<(), FloorRefusal> {
        let policy = &self.step(scene.phase).floor;
        if !matches!(policy, FloorPolicy::Pair { .. }) {
            return Err(FloorRefusal::NotInThisPhase);
        }
        let Some(turn) = self.turn.as_ref().filter(|turn| turn.seat == seat) else {
            return Err(FloorRefusal::NotYourTurn);
        };
        let ending = match (turn.part, may_be_named(policy), to) {
            (Part::Ask, Some(roles), Some(named)) => {
                let fits = |member: &&Member| {
                    member.seat == named
                        && member.seat != seat
                        && member.here
                        && roles.contains(member.role)
                };
                let named = scene.cast.iter().find(fits).ok_or(FloorRefusal::NotEligible)?;
                Ending::Asked(named.seat)
            }
            (Part::Ask, Some(_), None) => return Err(FloorRefusal::NotEligible),
            (Part::Ask, None, Some(named)) if turn.partner != Some(named) => {
                return Err(FloorRefusal::NotEligible);
            }
            _ => Ending::Heard,
        };
        self.end_turn(ending, scene);
        self.settle(scene);
        Ok(())
    }

    /// Lets a turn go by: the one going on, or one's place in the round before it comes.
    ///
    /// # Errors
    /// When the seat has neither.
    pub fn pass(&mut self, seat: Seat, scene: Scene<'_>) -> Result<(), FloorRefusal> {
        if self.holds(seat) {
            self.end_turn(Ending::Passed, scene);
        } else if self.round(scene.phase, scene.cast).iter().any(|member| member.seat == seat) {
            self.done.push(seat);
        } else {
            return Err(FloorRefusal::NotYourTurn);
        }
        self.settle(scene);
        Ok(())
    }

    /// The chair gives the floor.
    ///
    /// # Errors
    /// When the policy has no turn for that person now.
    pub fn grant(&mut self, member: Member, scene: Scene<'_>) -> Result<(), FloorRefusal> {
        let policy = &self.step(scene.phase).floor;
        if matches!(
            policy,
            FloorPolicy::Silence
                | FloorPolicy::Breakout { .. }
                | FloorPolicy::Open { hands: false, .. }
        ) {
            return Err(FloorRefusal::NotInThisPhase);
        }
        if self.holds(member.seat) || self.circle.contains(member.seat) {
            return Err(FloorRefusal::NoChange);
        }
        let called_on_unasked = member.expert && !self.hands.contains(member.seat);
        if !member.here || called_on_unasked {
            return Err(FloorRefusal::NotEligible);
        }
        if let Some(seats) = policy.circle() {
            if self.circle.len() >= seats || !policy.takes_request_of(member.role) {
                return Err(FloorRefusal::NotEligible);
            }
            self.sit(member.seat, scene);
            return Ok(());
        }
        let kept = self.kept_of(member, scene);
        let asked = || {
            part_of(policy, member.role).filter(|part| can_start(policy, member, *part, scene.cast))
        };
        let Some(part) = kept.map(|kept| kept.part).or_else(asked) else {
            return Err(FloorRefusal::NotEligible);
        };
        self.end_turn(Ending::Taken, scene);
        self.start_turn(member, part, kept, scene);
        Ok(())
    }

    /// The chair takes the floor: nobody has it until the chair gives it or goes on.
    ///
    /// # Errors
    /// When nobody holds it.
    pub fn revoke(&mut self, scene: Scene<'_>) -> Result<(), FloorRefusal> {
        if self.turn.is_none() {
            return Err(FloorRefusal::NoChange);
        }
        self.end_turn(Ending::Taken, scene);
        self.resting = true;
        Ok(())
    }

    /// The chair ends this turn and goes on to the next. Without a turn: whoever is next among the
    /// hands that the chair picks from has it, or who was longest in a full circle makes room for
    /// who waits, or the next step begins.
    ///
    /// # Errors
    /// When there is nothing of all that.
    pub fn skip(&mut self, scene: Scene<'_>) -> Result<(), FloorRefusal> {
        if self.turn.is_some() {
            self.end_turn(Ending::Taken, scene);
        } else if let Some(seat) = self.makes_room(scene) {
            self.circle.leave(seat);
        } else if let Some((member, part)) = self.next_to_pick(scene) {
            self.start_turn(member, part, None, scene);
        } else if !self.resting {
            if self.is_last(scene.phase) {
                return Err(FloorRefusal::NoChange);
            }
            self.next_step(scene);
        }
        self.go_on(scene);
        Ok(())
    }

    /// Turns follow each other by themselves again.
    pub fn go_on(&mut self, scene: Scene<'_>) {
        self.resting = false;
        self.settle(scene);
    }

    /// The person left: hand, turn and place in the circle are gone.
    pub fn leave(&mut self, seat: Seat, scene: Scene<'_>) {
        self.hands.lower(seat);
        self.circle.leave(seat);
        if self.holds(seat) {
            self.end_turn(Ending::Taken, scene);
        }
        self.settle(scene);
    }
}
