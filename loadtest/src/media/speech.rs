//! Speech for the bots, made by `espeak-ng` and kept as Opus: what each bot says, in a loop.

use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;

use super::ears::{Reference, envelope};

/// The rate of everything here.
pub const SAMPLE_RATE: u32 = 48_000;

/// Samples in a packet: 20 ms.
pub const FRAME_SAMPLES: usize = 960;

/// What Opus may need for 20 ms of speech at its highest rate, with room to spare.
const MAX_PACKET: usize = 1_500;

/// The voices and texts, taken in turn by seat: no two of the first twelve say the same.
const SCRIPTS: [(&str, &str); 12] = [
    (
        "fr+m1",
        "Bonjour à toutes et à tous. Je vous propose de commencer par un tour de table, une minute chacun, sans interrompre.",
    ),
    (
        "en-gb+f2",
        "My team has doubled in a year. I no longer know who decides what, and meetings keep growing longer.",
    ),
    (
        "fr+f3",
        "Quand tu dis que personne ne décide, à quel moment précis l'as-tu remarqué pour la première fois ?",
    ),
    (
        "en-us+m3",
        "I once kept a list on the wall of every decision, with one name. It looked silly. It worked within weeks.",
    ),
    (
        "fr+m5",
        "Chez nous, la réunion du lundi a disparu. Nous avons écrit à la place, et il a fallu réapprendre à lire.",
    ),
    (
        "en-gb+f4",
        "What would be different on a good day? Describe to me one afternoon when it went the way you wanted it.",
    ),
    (
        "fr+f1",
        "Je retiens trois choses : nommer une personne, écrire la décision, et la relire ensemble à la fin du mois.",
    ),
    (
        "en-us+m7",
        "Consider asking the quietest person first. The room changes when the order of voices changes, truly.",
    ),
    (
        "fr+m3",
        "Il me manque une information : combien de ces réunions pourrais-tu annuler demain sans demander la permission ?",
    ),
    (
        "en-gb+m2",
        "There is a difference between being heard and being agreed with. I would start from there, gently.",
    ),
    (
        "fr+f5",
        "Pour ma pratique, j'emporte cette question sur le premier pas : petit, daté, et visible par quelqu'un d'autre.",
    ),
    (
        "en-us+f1",
        "Let us slow down. Two breaths, then each of us writes a sentence, and only after that do we speak again.",
    ),
];

/// What one bot says: Opus packets of 20 ms, played in a loop.
#[derive(Debug)]
pub struct Voice {
    /// Opus packets, in order.
    pub packets: Vec<Bytes>,
    /// The RFC 6464 level of each: 0 is loudest, 127 silence.
    pub levels: Vec<u8>,
    /// What a listener compares with.
    pub reference: Reference,
}

impl Voice {
    /// The voice of a seat.
    ///
    /// # Errors
    /// When `espeak-ng` is missing or fails.
    pub fn of_seat(seat: u8) -> Result<Self> {
        let (voice, text) = SCRIPTS[usize::from(seat) % SCRIPTS.len()];
        Self::from_pcm(&synthesise(voice, text)?)
    }

    /// Encodes 48 kHz mono sound, with half a second of silence after it.
    ///
    /// # Errors
    /// When there is less than a second of it, or the encoder refuses.
    pub fn from_pcm(pcm: &[i16]) -> Result<Self> {
        ensure!(pcm.len() >= SAMPLE_RATE as usize, "a voice needs a second of sound at least");
        let mut samples = pcm.to_vec();
        samples.resize(samples.len() + SAMPLE_RATE as usize / 2, 0);
        samples.resize(samples.len().next_multiple_of(FRAME_SAMPLES), 0);
        let mut encoder =
            opus::Encoder::new(SAMPLE_RATE, opus::Channels::Mono, opus::Application::Voip)?;
        encoder.set_bitrate(opus::Bitrate::Bits(32_000))?;
        encoder.set_inband_fec(true)?;
        let mut packets = Vec::new();
        let mut levels = Vec::new();
        for frame in samples.chunks_exact(FRAME_SAMPLES) {
            packets.push(Bytes::from(encoder.encode_vec(frame, MAX_PACKET)?));
            levels.push(audio_level(frame));
        }
        Ok(Self { packets, levels, reference: Reference::new(envelope(&samples)) })
    }
}

/// Makes the voices of the first `count` seats.
///
/// # Errors
/// When `espeak-ng` is missing or fails.
pub fn voices(count: u8) -> Result<Vec<Arc<Voice>>> {
    (0..count).map(|seat| Voice::of_seat(seat).map(Arc::new)).collect()
}

/// What the bot of a seat says, as a WAV file of 48 kHz mono.
///
/// # Errors
/// When `espeak-ng` is missing or fails.
pub fn wav_of_seat(seat: u8) -> Result<Vec<u8>> {
    let (voice, text) = SCRIPTS[usize::from(seat) % SCRIPTS.len()];
    let mut samples = synthesise(voice, text)?;
    samples.resize(samples.len() + SAMPLE_RATE as usize / 2, 0);
    let data = u32::try_from(samples.len() * 2).context("a voice is seconds long")?;
    let mut out = Vec::with_capacity(44 + samples.len() * 2);
    out.extend(b"RIFF");
    out.extend((36 + data).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    out.extend(SAMPLE_RATE.to_le_bytes());
    out.extend((SAMPLE_RATE * 2).to_le_bytes());
    out.extend([2, 0, 16, 0]);
    out.extend(b"data");
    out.extend(data.to_le_bytes());
    out.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    Ok(out)
}

/// RFC 6464: the level of a frame below overload, in dB, 127 for silence.
fn audio_level(frame: &[i16]) -> u8 {
    let power =
        frame.iter().map(|&s| f64::from(s) * f64::from(s)).sum::<f64>() / frame.len() as f64;
    let rms = power.sqrt() / f64::from(i16::MAX);
    if rms <= 0.0 {
        return 127;
    }
    // In 0..=127 by the clamp.
    (-20.0 * rms.log10()).clamp(0.0, 127.0) as u8
}

/// Speaks `text` and gives it as 48 kHz mono.
fn synthesise(voice: &str, text: &str) -> Result<Vec<i16>> {
    let output =
        Command::new("espeak-ng").args(["-v", voice, "-s", "165", "--stdout", text]).output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!(
                "the bots speak with espeak-ng, which is not installed: apt-get install espeak-ng"
            )
        }
        Err(error) => return Err(error).context("starting espeak-ng"),
    };
    ensure!(
        output.status.success(),
        "espeak-ng failed for voice {voice}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    wav_to_48k_mono(&output.stdout)
}

/// Reads a 16-bit PCM WAV file into 48 kHz mono.
///
/// # Errors
/// When it is not such a file.
pub fn wav_to_48k_mono(bytes: &[u8]) -> Result<Vec<i16>> {
    ensure!(
        bytes.len() >= 12 && &bytes[..4] == b"RIFF" && &bytes[8..12] == b"WAVE",
        "not a WAV file"
    );
    let mut at = 12;
    let mut format = None;
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let start = at + 8;
        // A file written to a pipe gives a length that is not known yet: take what there is.
        let body = &bytes[start..start.saturating_add(length).min(bytes.len())];
        match &head[..4] {
            b"fmt " => {
                ensure!(body.len() >= 16, "the WAV format chunk is too short");
                let word = |i: usize| u16::from_le_bytes([body[i], body[i + 1]]);
                ensure!(word(0) == 1 && word(14) == 16, "only 16-bit PCM WAV is read");
                format = Some((word(2), u32::from_le_bytes([body[4], body[5], body[6], body[7]])));
            }
            b"data" => {
                let (channels, rate) =
                    format.context("the WAV file has no format before its data")?;
                ensure!(
                    channels >= 1 && rate >= 8_000,
                    "a WAV file of {channels} channels at {rate} Hz"
                );
                let channels = usize::from(channels);
                let mono: Vec<i16> = body
                    .chunks_exact(2 * channels)
                    .map(|frame| i16::from_le_bytes([frame[0], frame[1]]))
                    .collect();
                return Ok(resample(&mono, rate));
            }
            _ => {}
        }
        at = start + length.next_multiple_of(2);
    }
    bail!("the WAV file has no data")
}

/// Linear interpolation to 48 kHz: enough for speech that is compared by its envelope.
fn resample(samples: &[i16], rate: u32) -> Vec<i16> {
    if samples.is_empty() {
        return Vec::new();
    }
    let count = samples.len() as u64 * u64::from(SAMPLE_RATE) / u64::from(rate);
    let step = f64::from(rate) / f64::from(SAMPLE_RATE);
    (0..count)
        .map(|i| {
            let position = i as f64 * step;
            let index = position as usize;
            let here = f64::from(samples[index.min(samples.len() - 1)]);
            let next = f64::from(samples[(index + 1).min(samples.len() - 1)]);
            (here + (next - here) * position.fract()) as i16
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(rate: u32, samples: &[i16], declared: u32) -> Vec<u8> {
        let mut out = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        out.extend(rate.to_le_bytes());
        out.extend((rate * 2).to_le_bytes());
        out.extend([2, 0, 16, 0]);
        out.extend(b"data");
        out.extend(declared.to_le_bytes());
        out.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
        out
    }

    #[test]
    fn a_piped_wav_with_a_made_up_length_is_read_to_its_end() {
        let pcm = wav_to_48k_mono(&wav(24_000, &[0, 100, 200, 300], 0x7fff_f000)).expect("valid");
        assert_eq!(pcm, [0, 50, 100, 150, 200, 250, 300, 300]);
    }

    #[test]
    fn what_is_no_wav_is_refused() {
        assert!(wav_to_48k_mono(b"RIFF").is_err());
        assert!(wav_to_48k_mono(&wav(24_000, &[], 0)[..36]).is_err());
    }

    #[test]
    fn every_seat_speaks_and_levels_follow_the_sound() {
        let voice = Voice::of_seat(0).expect("espeak-ng is installed for the tests");
        assert_eq!(voice.packets.len(), voice.levels.len());
        assert!(voice.packets.len() > 100, "over two seconds");
        assert_eq!(*voice.levels.last().expect("not empty"), 127, "it ends in silence");
        assert!(*voice.levels.iter().min().expect("not empty") < 30, "speech is loud");
    }
}
