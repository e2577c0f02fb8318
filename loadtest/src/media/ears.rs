//! Who is it that is heard? Decoded sound is compared with what each speaker is known to say.
//!
//! Both are reduced to a *loudness envelope*: one value for 20 ms, the square root of the RMS, so
//! that neither level nor codec matters much. The envelope heard is laid at every offset along each
//! speaker's loop, and the best Pearson correlation counts. Speech matches itself through Opus at
//! 0.93 and above; two different voices stay below 0.78 over [`WINDOW`] frames (the tests measure
//! both). [`MATCH`] lies between.

use super::speech::{FRAME_SAMPLES, SAMPLE_RATE};

/// How much of what was heard is compared: 3 s. Shorter windows let different voices look alike.
pub const WINDOW: usize = 150;

/// The least correlation that identifies a speaker.
pub const MATCH: f32 = 0.85;

/// Below this RMS (of 32,768) a whole window is silence.
const SILENCE_RMS: f32 = 40.0;

/// The loudness of each 20 ms.
#[must_use]
pub fn envelope(samples: &[i16]) -> Vec<f32> {
    samples.chunks(FRAME_SAMPLES).map(|frame| rms(frame).sqrt()).collect()
}

fn rms(frame: &[i16]) -> f32 {
    let power = frame.iter().map(|&s| f64::from(s) * f64::from(s)).sum::<f64>();
    (power / frame.len().max(1) as f64).sqrt() as f32
}

/// The envelope of what a speaker says in a loop.
#[derive(Debug, Clone)]
pub struct Reference {
    envelope: Vec<f32>,
}

impl Reference {
    /// From the envelope of one whole round of the loop.
    #[must_use]
    pub fn new(envelope: Vec<f32>) -> Self {
        Self { envelope }
    }

    /// The best correlation of `heard` with the loop, at any offset.
    fn best_match(&self, heard: &[f32]) -> f32 {
        let length = self.envelope.len();
        (0..length)
            .map(|offset| {
                let spoken = self.envelope.iter().cycle().skip(offset).take(heard.len());
                pearson(heard, spoken)
            })
            .fold(0.0, f32::max)
    }
}

/// What was heard in a slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Heard<S> {
    /// Not enough sound yet to tell.
    TooShort,
    /// Sound, but none to hear.
    Silence,
    /// One of the speakers, and how well it matches.
    Speaker(S, f32),
    /// Sound that is nobody's, and the best match.
    Unknown(f32),
}

/// The last [`WINDOW`] of what one slot gave.
#[derive(Debug, Default)]
pub struct Ear {
    frames: std::collections::VecDeque<f32>,
}

impl Ear {
    /// Takes 20 ms of decoded sound.
    pub fn hear(&mut self, frame: &[i16]) {
        if self.frames.len() == WINDOW {
            self.frames.pop_front();
        }
        self.frames.push_back(rms(frame).sqrt());
    }

    /// Forgets everything, as after a change of speaker.
    pub fn clear(&mut self) {
        self.frames.clear();
    }

    /// Who it was, of `speakers`.
    pub fn identify<'r, S: Copy + 'r>(
        &self,
        speakers: impl IntoIterator<Item = (S, &'r Reference)>,
    ) -> Heard<S> {
        if self.frames.len() < WINDOW {
            return Heard::TooShort;
        }
        let heard: Vec<f32> = self.frames.iter().copied().collect();
        let loudest = heard.iter().copied().fold(0.0, f32::max);
        if loudest * loudest < SILENCE_RMS {
            return Heard::Silence;
        }
        let best = speakers
            .into_iter()
            .map(|(speaker, reference)| (speaker, reference.best_match(&heard)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        match best {
            Some((speaker, score)) if score >= MATCH => Heard::Speaker(speaker, score),
            Some((_, score)) => Heard::Unknown(score),
            None => Heard::Unknown(0.0),
        }
    }
}

fn pearson<'a>(a: &[f32], b: impl Iterator<Item = &'a f32> + Clone) -> f32 {
    let count = a.len() as f32;
    let mean_a = a.iter().sum::<f32>() / count;
    let mean_b = b.clone().sum::<f32>() / count;
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x - mean_a, y - mean_b);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    if aa <= f32::EPSILON || bb <= f32::EPSILON { 0.0 } else { ab / (aa * bb).sqrt() }
}

/// How long a window is, in seconds.
#[must_use]
pub fn window_seconds() -> f32 {
    WINDOW as f32 * FRAME_SAMPLES as f32 / SAMPLE_RATE as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::speech::Voice;

    fn decode(voice: &Voice) -> Vec<Vec<i16>> {
        let mut decoder = opus::Decoder::new(SAMPLE_RATE, opus::Channels::Mono).expect("valid");
        voice
            .packets
            .iter()
            .map(|packet| {
                let mut out = vec![0; FRAME_SAMPLES];
                let n = decoder.decode(packet, &mut out, false).expect("our own packet");
                out.truncate(n);
                out
            })
            .collect()
    }

    fn ear_at(frames: &[Vec<i16>], start: usize) -> Ear {
        let mut ear = Ear::default();
        for frame in frames.iter().cycle().skip(start).take(WINDOW) {
            ear.hear(frame);
        }
        ear
    }

    fn cast() -> Vec<Voice> {
        (0..8)
            .map(|seat| Voice::of_seat(seat).expect("espeak-ng is installed for the tests"))
            .collect()
    }

    #[test]
    fn every_voice_is_told_from_the_seven_others_wherever_it_is_heard() {
        let voices = cast();
        for (who, voice) in voices.iter().enumerate() {
            let frames = decode(voice);
            for start in (0..frames.len()).step_by(97) {
                let ear = ear_at(&frames, start);
                let others = voices.iter().enumerate().filter(|(i, _)| *i != who);
                let Heard::Unknown(other) = ear.identify(others.map(|(i, v)| (i, &v.reference)))
                else {
                    panic!("voice {who} at {start} is taken for another");
                };
                let all = voices.iter().enumerate().map(|(i, v)| (i, &v.reference));
                let Heard::Speaker(found, own) = ear.identify(all) else {
                    panic!("voice {who} at {start} is not recognised");
                };
                assert_eq!(found, who, "at {start}");
                assert!(
                    own > 0.93 && other < 0.78,
                    "voice {who} at {start}: own {own}, other {other}"
                );
            }
        }
    }

    #[test]
    fn two_voices_at_once_are_nobody_s_and_silence_is_silence() {
        let voices = cast();
        let (a, b) = (decode(&voices[1]), decode(&voices[2]));
        let mixed: Vec<Vec<i16>> = a
            .iter()
            .zip(&b)
            .map(|(x, y)| x.iter().zip(y).map(|(p, q)| p.saturating_add(*q)).collect())
            .collect();
        let all = || voices.iter().enumerate().map(|(i, v)| (i, &v.reference));
        assert!(
            matches!(ear_at(&mixed, 0).identify(all()), Heard::Unknown(_)),
            "{:?}",
            ear_at(&mixed, 0).identify(all())
        );
        let quiet = vec![vec![0; FRAME_SAMPLES]];
        assert_eq!(ear_at(&quiet, 0).identify(all()), Heard::Silence);
    }

    #[test]
    fn a_window_that_is_not_full_tells_nothing() {
        assert_eq!(Ear::default().identify::<u8>([]), Heard::TooShort);
    }
}
