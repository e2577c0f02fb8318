/**
 * The page's end of the tunnel: voices as Opus in the signaling connection, for networks on which no
 * WebRTC passes. Coded by WebCodecs, played by an audio worklet into ordinary tracks, so that the rest
 * of the page does not know the difference.
 */
import type { MediaPlan, Seat } from '../wire/index.ts';
import { level, writeFrame, type Voice } from './frames.ts';
import type { Incoming } from './peer.ts';
import workletUrl from './voices.worklet.ts?worker&url';

/** Opus's own clock. */
const RATE = 48_000;
/** One packet, in samples: 20 ms, as over RTP. */
const PACKET = RATE / 50;

/**
 * A voice's rate, in bit/s: speech is whole at 24,000, and a connection that is the last one left is
 * often a slow one.
 */
const BITRATE = 28_000;

const ENCODER: AudioEncoderConfig = {
  codec: 'opus',
  sampleRate: RATE,
  numberOfChannels: 1,
  bitrate: BITRATE,
  opus: { frameDuration: 20_000, signal: 'voice', application: 'voip' },
} as AudioEncoderConfig;
const DECODER: AudioDecoderConfig = { codec: 'opus', sampleRate: RATE, numberOfChannels: 1 };

/** An open tunnel. */
export interface Tunnel {
  /** The voices, by their seats. */
  incoming: Incoming[];
  take(voice: Voice): void;
  /** Changes what is sent; a disabled track sends nothing. */
  send(track: MediaStreamTrack | null): void;
  /** Whether sound flows: a browser may want a gesture first. */
  awake(): boolean;
  close(): void;
}

/** Opens one: the browser's in the product, a fake in tests. */
export type TunnelFactory = (
  plan: MediaPlan,
  track: MediaStreamTrack | null,
  write: (frame: Uint8Array) => void,
) => Promise<Tunnel>;

/** Whether this browser has what a tunnel needs. */
export async function canTunnel(): Promise<boolean> {
  try {
    if (typeof AudioEncoder !== 'function' || typeof AudioWorkletNode !== 'function') return false;
    const [encoder, decoder] = await Promise.all([
      AudioEncoder.isConfigSupported(ENCODER),
      AudioDecoder.isConfigSupported(DECODER),
    ]);
    return encoder.supported === true && decoder.supported === true;
  } catch {
    return false;
  }
}

/** The browser's own. */
export const browserTunnel: TunnelFactory = async (plan, track, write) => {
  const context = contextFor(track);
  // A browser that wants a gesture before any sound gets it with the next touch.
  const wake = () => void context.resume().catch(() => undefined);
  const gestures = ['pointerdown', 'keydown'] as const;
  for (const gesture of gestures) document.addEventListener(gesture, wake);
  const end = () => {
    for (const gesture of gestures) document.removeEventListener(gesture, wake);
    void context.close().catch(() => undefined);
  };
  try {
    await context.audioWorklet.addModule(workletUrl);
    const speakers = new Map(plan.slots.map((seat) => [seat, new Speaker(context, seat)]));
    const microphone = new Microphone(context, write);
    microphone.use(track);
    wake();
    return {
      incoming: [...speakers.values()].map(({ incoming }) => incoming),
      take: (voice) => speakers.get(voice.seat)?.take(voice),
      send: (next) => microphone.use(next),
      awake: () => context.state === 'running',
      close: () => {
        microphone.close();
        for (const speaker of speakers.values()) speaker.close();
        end();
      },
    };
  } catch (error) {
    end();
    throw error;
  }
};

/**
 * A context at Opus's rate where the browser connects a microphone to such a one, else at the sound
 * card's: then the worklet resamples.
 */
function contextFor(track: MediaStreamTrack | null): AudioContext {
  if (track) {
    const context = new AudioContext({ sampleRate: RATE, latencyHint: 'interactive' });
    try {
      context.createMediaStreamSource(new MediaStream([track])).disconnect();
      return context;
    } catch {
      void context.close().catch(() => undefined);
    }
  }
  return new AudioContext({ latencyHint: 'interactive' });
}

/** One seat's voice. */
class Speaker {
  readonly incoming: Incoming;
  readonly #node: AudioWorkletNode;
  #decoder: AudioDecoder | null = null;
  #last = -1;

  constructor(context: AudioContext, seat: Seat) {
    this.#node = new AudioWorkletNode(context, 'palabre-player', {
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    const destination = context.createMediaStreamDestination();
    destination.channelCount = 1;
    this.#node.connect(destination);
    const [track] = destination.stream.getAudioTracks();
    if (!track) throw new Error('a destination without a track');
    this.incoming = { kind: 'audio', seat, track };
  }

  take({ sequence, timestamp, opus }: Voice): void {
    if (sequence === this.#last) return;
    this.#last = sequence;
    this.#decoder ??= this.#decode();
    // Microseconds; every Opus packet stands by itself.
    const at = Math.round((timestamp * 1000) / 48);
    this.#decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: at, data: opus }));
  }

  close(): void {
    this.#decoder?.close();
    this.#node.disconnect();
    this.incoming.track.stop();
  }

  #decode(): AudioDecoder {
    const decoder = new AudioDecoder({
      output: (data) => {
        const samples = new Float32Array(data.numberOfFrames);
        data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
        data.close();
        this.#node.port.postMessage(samples, [samples.buffer]);
      },
      // A packet that is no Opus ends a decoder for good: the next one gets another.
      error: () => {
        if (this.#decoder === decoder) this.#decoder = null;
      },
    });
    decoder.configure(DECODER);
    return decoder;
  }
}

/** One's own voice. */
class Microphone {
  readonly #context: AudioContext;
  readonly #write: (frame: Uint8Array) => void;
  readonly #cutter: AudioWorkletNode;
  #encoder: AudioEncoder | null = null;
  #source: MediaStreamAudioSourceNode | null = null;
  #track: MediaStreamTrack | null = null;
  #sequence = Math.floor(Math.random() * 0x8000);
  #timestamp = 0;
  /** The loudness of the packets that are being coded, in their order. */
  #levels: number[] = [];

  constructor(context: AudioContext, write: (frame: Uint8Array) => void) {
    this.#context = context;
    this.#write = write;
    this.#cutter = new AudioWorkletNode(context, 'palabre-cutter');
    // Silent, and connected all the same: what leads nowhere may not be run.
    this.#cutter.connect(context.destination);
    this.#cutter.port.onmessage = ({ data }: MessageEvent<Float32Array<ArrayBuffer>>) => this.#take(data);
  }

  use(track: MediaStreamTrack | null): void {
    this.#source?.disconnect();
    this.#track = track;
    this.#source = track && this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#source?.connect(this.#cutter);
  }

  close(): void {
    this.use(null);
    this.#cutter.disconnect();
    this.#cutter.port.onmessage = null;
    this.#encoder?.close();
    this.#encoder = null;
  }

  #take(samples: Float32Array<ArrayBuffer>): void {
    const at = this.#timestamp;
    this.#timestamp += PACKET;
    // What the gate would stop is not worth a slow connection's while.
    if (!this.#track?.enabled) return;
    this.#encoder ??= this.#encode();
    this.#levels.push(level(samples));
    const data = new AudioData({
      format: 'f32-planar',
      sampleRate: RATE,
      numberOfFrames: samples.length,
      numberOfChannels: 1,
      timestamp: Math.round((at * 1000) / 48),
      data: samples,
    });
    this.#encoder.encode(data);
    data.close();
  }

  #encode(): AudioEncoder {
    this.#levels = [];
    const encoder = new AudioEncoder({
      output: (chunk) => {
        const opus = new Uint8Array(chunk.byteLength);
        chunk.copyTo(opus);
        const timestamp = Math.round((chunk.timestamp * 48) / 1000);
        const frame = writeFrame(this.#levels.shift() ?? 127, this.#sequence, timestamp, opus);
        this.#sequence = (this.#sequence + 1) & 0xffff;
        if (frame) this.#write(frame);
      },
      error: () => {
        if (this.#encoder === encoder) this.#encoder = null;
      },
    });
    encoder.configure(ENCODER);
    return encoder;
  }
}
