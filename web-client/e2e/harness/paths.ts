/** By which way a page's sound comes, by the browser's own account. */
import type { Page } from 'playwright-core';

/** What a page's peer connection says of the sound it receives. */
export interface SoundPath {
  /** What carries it: `udp` or `tcp`. */
  readonly protocol: string;
  /** Sound packets received, in all. */
  readonly packets: number;
  /** While watched: the longest time in ms in which no sound came. */
  readonly longestPause: number;
}

/** Looks at the path once; with `watch` it goes on looking, for a later look to tell of. */
export function soundPath(page: Page, { watch = false } = {}): Promise<SoundPath> {
  return page.evaluate(look, watch);
}

// What follows runs in the page, and is whole in itself.
async function look(watch: boolean) {
  interface Held {
    peerConnections: RTCPeerConnection[];
    soundWatch?: { packets: number; since: number; longest: number };
  }
  const held = globalThis as unknown as Held;
  const read = async () => {
    const seen = { protocol: 'none', packets: 0 };
    for (const connection of held.peerConnections) {
      if (connection.connectionState === 'closed') continue;
      const stats = await connection.getStats();
      const transport = [...stats.values()].find(({ type }) => type === 'transport');
      const pair = stats.get(transport?.selectedCandidatePairId ?? '');
      seen.protocol = stats.get(pair?.localCandidateId ?? '')?.protocol ?? seen.protocol;
      for (const report of stats.values())
        if (report.type === 'inbound-rtp' && report.kind === 'audio') seen.packets += report.packetsReceived;
    }
    return seen;
  };
  if (watch && held.soundWatch === undefined) {
    const noted = { packets: (await read()).packets, since: performance.now(), longest: 0 };
    held.soundWatch = noted;
    setInterval(() => {
      void read().then(({ packets }) => {
        const now = performance.now();
        // A look that is not sound's affair ends no pause.
        noted.longest = Math.max(noted.longest, now - noted.since);
        // A connection that is closed takes its packets along.
        if (packets > noted.packets) noted.since = now;
        noted.packets = packets;
      });
    }, 50);
  }
  return { ...(await read()), longestPause: Math.round(held.soundWatch?.longest ?? 0) };
}
