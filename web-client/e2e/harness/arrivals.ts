/**
 * When a page's voices arrive, frame by frame, seen in a thread of their own: a page that is busy (it makes a
 * whole new connection, say) does not look like a pause of its sound, which its decoders play meanwhile. What
 * the elements play is `played.ts`, to which such a page is silent.
 */
import type { Page } from 'playwright-core';

/** Begins to watch in a page: the connections that it makes from now on. */
export function watchArrivals(page: Page): Promise<void> {
  return page.evaluate(install);
}

/** Forgets the pauses so far. */
export async function markArrivals(page: Page): Promise<void> {
  await page.evaluate(() => (globalThis as unknown as Watching).arrivals.mark());
}

/** The longest pause of each voice since the mark, in milliseconds, by whichever connection it came. */
export function readArrivals(page: Page): Promise<number[]> {
  return page.evaluate(() => (globalThis as unknown as Watching).arrivals.read());
}

interface Watching {
  arrivals: { mark(): void; read(): Promise<number[]> };
}

/** Not yet among the types that TypeScript brings. */
declare const RTCRtpScriptTransform: new (worker: Worker, options: object) => object;

// What follows runs in the page, and is whole in itself.
function install() {
  const held = globalThis as unknown as Watching;
  const source = `
    const voices = new Map();
    // What nobody holds stops flowing when memory is tidied up.
    const pipes = [];
    const now = () => performance.timeOrigin + performance.now();
    onrtctransform = ({ transformer }) => {
      const { voice } = transformer.options;
      const note = new TransformStream({
        transform(frame, on) {
          const at = now();
          const one = voices.get(voice) ?? { last: at, longest: 0 };
          one.longest = Math.max(one.longest, at - one.last);
          one.last = at;
          voices.set(voice, one);
          on.enqueue(frame);
        },
      });
      const flows = transformer.readable.pipeThrough(note).pipeTo(transformer.writable);
      pipes.push({ transformer, note, flows: flows.catch(() => undefined) });
    };
    onmessage = ({ data, ports }) => {
      if (data === 'mark') for (const one of voices.values()) one.longest = 0;
      // Of a voice that has not come back yet the pause goes on.
      else ports[0].postMessage([...voices.values()].map(({ last, longest }) => Math.max(longest, now() - last)));
    };`;
  const worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
  const transforms: object[] = [];
  const watch = (receiver: RTCRtpReceiver, voice: number) => {
    const transform = new RTCRtpScriptTransform(worker, { voice });
    transforms.push(transform);
    Object.assign(receiver, { transform });
  };
  // Voices are in the same order in each of a page's connections.
  const counted = new WeakMap<RTCPeerConnection, number>();
  const next = (connection: RTCPeerConnection) => {
    const voice = counted.get(connection) ?? 0;
    counted.set(connection, voice + 1);
    return voice;
  };
  const isVoice = (transceiver: RTCRtpTransceiver) =>
    transceiver.direction === 'recvonly' && transceiver.receiver.track.kind === 'audio';
  const add = RTCPeerConnection.prototype.addTransceiver;
  RTCPeerConnection.prototype.addTransceiver = function (...given) {
    const transceiver = add.apply(this, given);
    if (isVoice(transceiver)) watch(transceiver.receiver, next(this));
    return transceiver;
  };
  held.arrivals = {
    mark: () => worker.postMessage('mark'),
    read: () =>
      new Promise((done) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = ({ data }) => done(data as number[]);
        worker.postMessage('read', [port2]);
      }),
  };
}
