//! Who speaks, from the audio levels (RFC 6464) of packets that were forwarded, and who would.

use std::time::{Duration, Instant};

use palabre_ids::{MAX_SEATS, Seat};

/// A packet at least this loud may start speech, in dB below full scale. Lower misses quiet voices
/// less and takes more noise for voice.
const STARTS: u8 = 40;
/// A packet at least this loud goes on with it.
const GOES_ON: u8 = 50;
/// How many loud packets start speech: a click is shorter.
const ATTACK: u8 = 3;
/// How long speech lasts after the last loud packet: shorter flickers between words.
const HOLD: Duration = Duration::from_millis(500);
/// How often a change is told at most.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a voice that the gate stops is told of at most, by the seat. Longer misses attempts;
/// shorter lets a page that lies make more work.
const BLOCKED_PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, Default)]
enum Voice {
    #[default]
    Silent,
    Rising {
        loud: u8,
        until: Instant,
    },
    Speaking {
        until: Instant,
    },
}

impl Voice {
    fn hear(&mut self, now: Instant, level: u8) {
        let level = level & 0x7f;
        let until = now + HOLD;
        *self = match *self {
            Voice::Speaking { until } if now >= until => Voice::Silent,
            other => other,
        };
        *self = match *self {
            Voice::Speaking { .. } if level <= GOES_ON => Voice::Speaking { until },
            Voice::Silent if level <= STARTS => Voice::Rising { loud: 1, until },
            Voice::Rising { loud, until: end } if level <= STARTS && now < end => {
                if loud + 1 >= ATTACK {
                    Voice::Speaking { until }
                } else {
                    Voice::Rising { loud: loud + 1, until }
                }
            }
            Voice::Rising { until, .. } if now >= until => Voice::Silent,
            other => other,
        };
    }

    fn speaks(&self, now: Instant) -> bool {
        matches!(self, Self::Speaking { until } if now < *until)
    }
}

/// The voices of one room.
#[derive(Debug, Default)]
pub struct Speech {
    voices: [Voice; MAX_SEATS as usize],
    told: u32,
    next: Option<Instant>,
}

impl Speech {
    /// Notes the level of a forwarded packet.
    pub fn hear(&mut self, now: Instant, seat: Seat, level: u8) {
        if let Some(voice) = self.voices.get_mut(seat.index()) {
            voice.hear(now, level);
        }
    }

    /// A seat that may not be heard any more does not speak.
    pub fn silence(&mut self, seat: Seat) {
        if let Some(voice) = self.voices.get_mut(seat.index()) {
            *voice = Voice::Silent;
        }
    }

    /// Who speaks now, if that changed since it was last told and it is not too soon to tell again.
    pub fn poll(&mut self, now: Instant) -> Option<Vec<Seat>> {
        if self.next.is_some_and(|next| now < next) {
            return None;
        }
        let voices = self.voices.iter().enumerate();
        let set = voices.fold(0, |set, (seat, voice)| set | u32::from(voice.speaks(now)) << seat);
        if set == self.told {
            return None;
        }
        self.told = set;
        self.next = Some(now + PAUSE);
        Some((0..MAX_SEATS).filter(|seat| set >> seat & 1 == 1).map(Seat).collect())
    }
}

/// The voices that the gate of one room stops.
#[derive(Debug, Default)]
pub struct Blocked {
    voices: [Voice; MAX_SEATS as usize],
    told: [Option<Instant>; MAX_SEATS as usize],
}

impl Blocked {
    /// Notes the level of a packet that the gate stopped.
    pub fn hear(&mut self, now: Instant, seat: Seat, level: u8) {
        if let Some(voice) = self.voices.get_mut(seat.index()) {
            voice.hear(now, level);
        }
    }

    /// The gate stops a seat no more.
    pub fn forget(&mut self, seat: Seat) {
        if let Some(voice) = self.voices.get_mut(seat.index()) {
            *voice = Voice::Silent;
        }
    }

    /// Whether it is to be told now that a seat speaks in vain.
    pub fn poll(&mut self, now: Instant, seat: Seat) -> bool {
        let at = seat.index();
        let (Some(voice), Some(told)) = (self.voices.get(at), self.told.get_mut(at)) else {
            return false;
        };
        let due = voice.speaks(now) && told.is_none_or(|told| now >= told + BLOCKED_PAUSE);
        if due {
            *told = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(start: Instant, n: u64) -> Instant {
        start + Duration::from_millis(n)
    }

    #[test]
    fn a_click_is_no_voice_and_a_pause_between_words_no_silence() {
        let (mut speech, start) = (Speech::default(), Instant::now());
        speech.hear(start, Seat(2), 10);
        speech.hear(ms(start, 20), Seat(2), 127);
        assert_eq!(speech.poll(ms(start, 20)), None);
        speech.hear(ms(start, 40), Seat(2), 0x80 | 30);
        speech.hear(ms(start, 60), Seat(2), 0x80 | 30);
        assert_eq!(speech.poll(ms(start, 60)), Some(vec![Seat(2)]));
        speech.hear(ms(start, 80), Seat(2), 127);
        assert_eq!(speech.poll(ms(start, 400)), None, "still within a word's pause");
        speech.hear(ms(start, 450), Seat(2), GOES_ON);
        assert_eq!(speech.poll(ms(start, 900)), None);
        assert_eq!(speech.poll(ms(start, 960)), Some(vec![]));
    }

    #[test]
    fn changes_are_told_a_few_times_a_second() {
        let (mut speech, start) = (Speech::default(), Instant::now());
        let mut told = 0;
        for n in 0..5_000 {
            let now = ms(start, n);
            for seat in 0..MAX_SEATS {
                speech.hear(
                    now,
                    Seat(seat),
                    if (n / 7 + u64::from(seat)) % 2 == 0 { 5 } else { 127 },
                );
                if n % 13 == u64::from(seat) {
                    speech.silence(Seat(seat));
                }
            }
            told += u32::from(speech.poll(now).is_some());
        }
        assert!((2..=26).contains(&told), "{told}");
    }

    #[test]
    fn a_blocked_voice_is_told_of_once_in_a_while() {
        let (mut blocked, start) = (Blocked::default(), Instant::now());
        let mut told = Vec::new();
        for n in 0..600 {
            let now = ms(start, n * 20);
            blocked.hear(now, Seat(1), 15);
            blocked.hear(now, Seat(2), 127);
            told.extend((0..MAX_SEATS).filter(|seat| blocked.poll(now, Seat(*seat))).map(|_| n));
        }
        assert_eq!(told, [2, 252, 502], "for one seat alone");
        blocked.hear(ms(start, 20_000), Seat(3), 15);
        blocked.hear(ms(start, 20_020), Seat(3), 15);
        blocked.forget(Seat(3));
        blocked.hear(ms(start, 20_040), Seat(3), 15);
        assert!(!blocked.poll(ms(start, 20_040), Seat(3)));
    }

    #[test]
    fn a_seat_out_of_range_is_ignored() {
        let (mut speech, mut blocked) = (Speech::default(), Blocked::default());
        for n in 0..10 {
            speech.hear(ms(Instant::now(), n), Seat(255), 1);
            blocked.hear(ms(Instant::now(), n), Seat(255), 1);
        }
        speech.silence(Seat(255));
        blocked.forget(Seat(255));
        assert_eq!(speech.poll(Instant::now()), None);
        assert!(!blocked.poll(Instant::now(), Seat(255)));
    }
}
