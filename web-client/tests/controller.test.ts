import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MediaController, type Condition, type MediaMeans } from '../src/media/controller.ts';
import { FRESH_AFTER, LEAVES_AFTER, TUNNEL_AFTER } from '../src/media/ladder.ts';
import { DEAD_AFTER, SAMPLE_AGAIN, SAMPLE_EVERY } from '../src/media/pathwatch.ts';
import type { Incoming, Outgoing } from '../src/media/peer.ts';
import { answerAhead } from '../src/media/sdp.ts';
import { closeLook, know, quickLook } from '../src/media/stats.ts';
import { GIVE_UP_AFTER_BAD, SETTLES, TRY_AFTER_CLEAR } from '../src/media/weak.ts';
import type { Voice } from '../src/media/frames.ts';
import type { IceCredentials, MediaOffer, Recovered, Seat } from '../src/wire/index.ts';

const PLAN = { slots: [1, 2], ice_servers: [] };
const AHEAD = { ufrag: 'next', password: 'secret' };
const track = (kind: string) => ({ kind, enabled: true }) as MediaStreamTrack;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A controller whose peers and tunnels do what they are told. */
function made() {
  let now = 0;
  const peers: FakePeer[] = [];
  const tunnels: { taken: Voice[]; sent: unknown[]; open: boolean; write(frame: Uint8Array): void }[] = [];
  const told = {
    offers: [] as MediaOffer[],
    incoming: [] as Incoming[],
    condition: undefined as Condition | undefined,
    tunnel: [] as boolean[],
    frames: [] as Uint8Array[],
    recovered: [] as Recovered[],
    silent: 0,
  };
  const means: MediaMeans = {
    peer: (_plan, outgoing, fail) => {
      const peer = new FakePeer(outgoing, fail);
      peers.push(peer);
      return { peer, incoming: [{ kind: 'audio', seat: 1, track: track(`peer ${peers.length}`) }] };
    },
    tunnel: async (_plan, _track, write) => {
      const tunnel = { taken: [] as Voice[], sent: [] as unknown[], open: true, write };
      tunnels.push(tunnel);
      return {
        incoming: [{ kind: 'audio', seat: 1, track: track('tunnel') }],
        take: (voice) => tunnel.taken.push(voice),
        send: (given) => tunnel.sent.push(given),
        awake: () => true,
        close: () => (tunnel.open = false),
      };
    },
    canTunnel: async () => true,
    now: () => now,
  };
  const controller = new MediaController(means, {
    offer: (offer) => told.offers.push(offer),
    incoming: (tracks) => (told.incoming = tracks),
    condition: (condition) => (told.condition = condition),
    tunnel: (on) => told.tunnel.push(on),
    frame: (frame) => told.frames.push(frame),
    recovered: (recovered) => told.recovered.push(recovered),
    silent: () => told.silent++,
  });
  /** Looks at the path for so long; `hears` whether anything comes. */
  const go = async (millis: number, hears = true) => {
    for (const end = now + millis; now < end;) {
      now += SAMPLE_EVERY;
      if (hears) peers.at(-1)!.received++;
      await controller.sample();
      await vi.advanceTimersByTimeAsync(0);
    }
  };
  const up = async (ahead?: IceCredentials) => {
    controller.joined(PLAN, false);
    await vi.advanceTimersByTimeAsync(0);
    controller.answered({ generation: 1, sdp: 'answer', ...(ahead ? { next_ice: ahead } : {}) });
    await vi.advanceTimersByTimeAsync(0);
    await go(300);
    expect(told.condition).toMatchObject({ at: 'up', carrier: 'udp', mending: false });
  };
  return { controller, peers, tunnels, told, go, up };
}

class FakePeer {
  received = 0;
  lost = 0;
  via: 'udp' | 'tcp' | 'turn' = 'udp';
  asked: string[] = [];
  closed = false;
  outgoing: Outgoing;
  fail: () => void;
  constructor(outgoing: Outgoing, fail: () => void) {
    this.outgoing = outgoing;
    this.fail = fail;
  }
  offer = async (iceRestart: boolean) => {
    this.asked.push(iceRestart ? 'restart' : 'offer');
    return `offer ${this.asked.length}`;
  };
  answer = async (sdp: string) => void this.asked.push(sdp);
  restart = async ({ ufrag }: IceCredentials) => void this.asked.push(`ahead ${ufrag}`);
  send = async (kind: keyof Outgoing, sent: MediaStreamTrack | null) => {
    this.outgoing = { ...this.outgoing, [kind]: sent };
  };
  heard: Seat[] = [];
  voices = () => this.heard;
  looks = 0;
  look = async () => {
    this.looks++;
    return { received: this.received, via: this.via };
  };
  lookClosely = async () => ({
    received: this.received,
    via: this.via,
    outgoing: null,
    sound: { received: 100 * this.received, lost: this.lost },
  });
  close = () => {
    this.closed = true;
  };
}

describe('the controller', () => {
  test('restarts a dead path without a word to the server, and tells how it went', async () => {
    const { controller, peers, told, go, up } = made();
    await up(AHEAD);
    await go(DEAD_AFTER + SAMPLE_EVERY, false);
    expect(peers).toHaveLength(1);
    expect(peers[0]!.asked).toEqual(['offer', 'answer', 'ahead next']);
    expect(told.offers).toHaveLength(1);
    expect(told.silent).toBe(1);
    expect(told.condition).toMatchObject({ carrier: 'none', mending: true });
    peers[0]!.via = 'tcp';
    await go(SAMPLE_EVERY);
    expect(told.condition).toMatchObject({ at: 'up', carrier: 'tcp', mending: false });
    const gap = expect.any(Number);
    expect(told.recovered).toEqual([{ rung: 'tcp', cause: 'udp_blocked', took: gap, gap }]);
    expect(told.recovered[0]!.gap).toBeGreaterThanOrEqual(DEAD_AFTER);
    expect(told.recovered[0]!.gap).toBeLessThanOrEqual(DEAD_AFTER + 3 * SAMPLE_EVERY);
    controller.dispose();
  });

  test('looks sooner again once nothing new came', async () => {
    const { controller, peers, go, up } = made();
    await up();
    await go(SAMPLE_EVERY);
    const { looks } = peers[0]!;
    await vi.advanceTimersByTimeAsync(SAMPLE_AGAIN);
    expect(peers[0]!.looks).toBe(looks);
    await go(SAMPLE_EVERY, false);
    await vi.advanceTimersByTimeAsync(SAMPLE_AGAIN);
    expect(peers[0]!.looks).toBe(looks + 2);
    controller.dispose();
  });

  test('carries what is sent into a new connection', async () => {
    const { controller, peers, told, up } = made();
    const voice = track('audio');
    await controller.send('audio', voice);
    await up();
    controller.step({ type: 'media_lost' });
    await vi.advanceTimersByTimeAsync(0);
    expect(peers).toHaveLength(2);
    expect(peers[0]!.closed).toBe(true);
    expect(peers[1]!.outgoing.audio).toBe(voice);
    expect(told.incoming[0]!.track.kind).toBe('peer 2');
    controller.dispose();
    expect(peers[1]!.closed).toBe(true);
  });

  test('keeps a connection that is well until the one that was asked for carries', async () => {
    const { controller, peers, told, go, up } = made();
    const voice = track('audio');
    await up();
    controller.step({ type: 'asked' });
    await controller.send('audio', voice);
    expect(peers).toHaveLength(2);
    expect(peers[0]!.closed).toBe(false);
    expect(peers[0]!.outgoing.audio).toBe(voice);
    expect(peers[1]!.outgoing.audio).toBe(voice);
    // Both are heard: the server sends by one alone.
    const heard = () => told.incoming.map((one) => one.track.kind);
    expect(heard()).toEqual(['peer 1', 'peer 2']);
    const both = async (millis: number) => {
      for (let at = 0; at < millis; at += SAMPLE_EVERY) {
        peers[0]!.received++;
        await go(SAMPLE_EVERY, peers.length > 1 && answered);
      }
    };
    let answered = false;
    await both(600);
    expect(told.condition).toMatchObject({ at: 'offered', carrier: 'udp', mending: false });
    controller.answered({ generation: told.offers.at(-1)!.generation, sdp: 'answer' });
    await vi.advanceTimersByTimeAsync(0);
    answered = true;
    await both(2 * SAMPLE_EVERY);
    expect(told.condition).toMatchObject({ at: 'up', carrier: 'udp' });
    expect(told.recovered).toMatchObject([{ rung: 'new_transport', cause: 'asked', gap: 0 }]);
    expect(heard()).toEqual(['peer 1', 'peer 2']);
    await both(LEAVES_AFTER + SAMPLE_EVERY);
    expect(peers[0]!.closed).toBe(true);
    expect(peers[1]!.closed).toBe(false);
    expect(heard()).toEqual(['peer 2']);
    controller.dispose();
  });

  test('keeps what a server before carries until another one does, and each voice by one alone', async () => {
    const { controller, peers, told, go, up } = made();
    await up(AHEAD);
    const [voice, picture] = [track('audio'), track('video')];
    await controller.send('audio', voice);
    await controller.send('camera', picture);
    controller.step({ type: 'signaling_lost' });
    const heard = () => told.incoming.map((one) => one.track.kind);
    const both = async (hears: boolean) => {
      peers[0]!.received++;
      await go(SAMPLE_EVERY, hears);
    };
    controller.joined(PLAN, true, { mediaUntil: 2000 });
    await vi.advanceTimersByTimeAsync(0);
    expect(peers).toHaveLength(2);
    await both(false);
    expect(peers[0]!.closed).toBe(false);
    expect(heard()).toEqual(['peer 1', 'peer 2']);
    expect(told.condition).toMatchObject({ carrier: 'udp', mending: false });
    controller.answered({ generation: told.offers.at(-1)!.generation, sdp: 'answer' });
    await vi.advanceTimersByTimeAsync(0);
    await both(true);
    // Pictures go by the new one alone, voices by both: the others may not have come over.
    await controller.send('camera', picture);
    expect(peers.map(({ outgoing }) => [outgoing.audio, outgoing.camera])).toEqual([
      [voice, null],
      [voice, picture],
    ]);
    // It is up, and nobody speaks by it yet.
    expect(told.recovered).toMatchObject([{ rung: 'new_transport', cause: 'server_restarted', gap: 0 }]);
    await both(true);
    expect(heard()).toEqual(['peer 1', 'peer 2']);
    peers[1]!.heard = [1];
    await both(true);
    await both(true);
    expect(heard()).toEqual(['peer 2']);
    controller.dispose();
  });

  test('uses whichever carries first, a slow restart or the new connection beside it', async () => {
    const { controller, peers, told, go, up } = made();
    await up(AHEAD);
    await go(DEAD_AFTER + FRESH_AFTER.ahead + 2 * SAMPLE_EVERY, false);
    expect(peers.map(({ closed }) => closed)).toEqual([false, false]);
    expect(told.condition).toMatchObject({ at: 'offered', carrier: 'none', mending: true });
    // Both are heard: whichever has sound.
    const heard = () => told.incoming.map((one) => one.track.kind);
    expect(heard()).toEqual(['peer 1', 'peer 2']);
    peers[0]!.received++;
    await go(SAMPLE_EVERY, false);
    expect(told.condition).toMatchObject({ at: 'offered', carrier: 'udp', mending: false });
    expect(told.recovered).toMatchObject([{ rung: 'ice_restart', cause: 'path_dead' }]);
    controller.answered({ generation: told.offers.at(-1)!.generation, sdp: 'answer' });
    await vi.advanceTimersByTimeAsync(0);
    for (let at = 0; at < LEAVES_AFTER + 300; at += SAMPLE_EVERY) {
      peers[0]!.received++;
      await go(SAMPLE_EVERY);
    }
    expect(peers.map(({ closed }) => closed)).toEqual([true, false]);
    expect(heard()).toEqual(['peer 2']);
    expect(told.recovered).toHaveLength(1);
    controller.dispose();
  });

  test('goes back to the restart that carries when the new connection fails', async () => {
    const { controller, peers, told, go, up } = made();
    await up(AHEAD);
    await go(DEAD_AFTER + FRESH_AFTER.ahead + 2 * SAMPLE_EVERY, false);
    peers[0]!.received++;
    await go(SAMPLE_EVERY, false);
    peers[1]!.fail();
    await vi.advanceTimersByTimeAsync(0);
    expect(peers.map(({ closed }) => closed)).toEqual([false, true]);
    expect(told.condition).toMatchObject({ at: 'up', carrier: 'udp', mending: false });
    expect(told.incoming.map((one) => one.track.kind)).toEqual(['peer 1']);
    // Its path is the one that is watched again.
    await go(DEAD_AFTER + SAMPLE_EVERY, false);
    expect(told.condition).toMatchObject({ carrier: 'none', mending: true });
    controller.dispose();
  });

  test('lets go of the restart at once when the new connection carries', async () => {
    const { controller, peers, told, go, up } = made();
    await up(AHEAD);
    await go(DEAD_AFTER + FRESH_AFTER.ahead + 2 * SAMPLE_EVERY, false);
    controller.answered({ generation: told.offers.at(-1)!.generation, sdp: 'answer' });
    await vi.advanceTimersByTimeAsync(0);
    await go(SAMPLE_EVERY);
    expect(peers.map(({ closed }) => closed)).toEqual([true, false]);
    expect(told.incoming.map((one) => one.track.kind)).toEqual(['peer 2']);
    controller.dispose();
  });

  test('keeps no connection that dies, or that the server has ended', async () => {
    const { controller, peers, told, go, up } = made();
    await up();
    controller.step({ type: 'asked' });
    await go(DEAD_AFTER + 2 * SAMPLE_EVERY, false);
    expect(peers[0]!.closed).toBe(true);
    expect(told.condition).toMatchObject({ carrier: 'none', mending: true });
    controller.dispose();
    expect(peers.every(({ closed }) => closed)).toBe(true);

    const other = made();
    await other.up();
    other.controller.step({ type: 'asked' });
    other.controller.joined(PLAN, true);
    expect(other.peers.map(({ closed }) => closed)).toEqual([true, true, false]);
    other.controller.dispose();
  });

  test('opens the tunnel when nothing else comes through, and closes it when WebRTC does', async () => {
    const { controller, peers, tunnels, told, go, up } = made();
    const voice = track('audio');
    await controller.send('audio', voice);
    await up(AHEAD);
    await go(DEAD_AFTER + FRESH_AFTER.ahead + 300, false);
    expect(peers).toHaveLength(2);
    await go(TUNNEL_AFTER - FRESH_AFTER.ahead, false);
    expect(told.tunnel).toEqual([true]);
    expect(tunnels).toHaveLength(1);
    // What WebRTC receives is shown until the server has said yes.
    expect(told.incoming.map((one) => one.track.kind)).toEqual(['peer 1', 'peer 2']);
    tunnels[0]!.write(new Uint8Array([1]));
    expect(told.frames).toEqual([]);
    controller.step({ type: 'tunnel_said', on: true });
    expect(told.incoming[0]!.track.kind).toBe('tunnel');
    expect(told.condition).toMatchObject({ carrier: 'tunnel', mending: false });
    expect(told.recovered).toMatchObject([{ rung: 'tunnel', cause: 'udp_blocked' }]);
    expect(tunnels[0]!.sent).toEqual([voice]);
    tunnels[0]!.write(new Uint8Array([1]));
    expect(told.frames).toHaveLength(1);
    controller.frame(new Uint8Array([1, 2, 0, 1, 0, 0, 0, 1, 9]).buffer);
    controller.frame(new Uint8Array([7]).buffer);
    expect(tunnels[0]!.taken.map(({ seat }) => seat)).toEqual([2]);

    controller.answered({ generation: told.offers.at(-1)!.generation, sdp: 'answer' });
    await vi.advanceTimersByTimeAsync(0);
    await go(300);
    // Both go on until the server has seen the new transport.
    expect(told.incoming[0]!.track.kind).toBe('tunnel');
    controller.step({ type: 'tunnel_said', on: false });
    expect(told.incoming[0]!.track.kind).toBe('peer 2');
    expect(tunnels[0]!.open).toBe(false);
    expect(told.condition).toMatchObject({ at: 'up', carrier: 'udp' });
    controller.dispose();
  });

  test('tells once that pictures gave way to voices, and for how long those were bad', async () => {
    const { controller, peers, told, go, up } = made();
    await up();
    const lossy = async (millis: number) => {
      for (let at = 0; at < millis; at += SAMPLE_EVERY) {
        peers[0]!.lost += 50;
        await go(SAMPLE_EVERY);
      }
    };
    await go(SETTLES);
    expect(told.recovered).toEqual([]);
    await lossy(10_000);
    expect(told.condition).toMatchObject({ at: 'up', weak: true });
    expect(told.recovered).toEqual([
      { rung: 'audio_only', cause: 'weak_network', took: expect.any(Number), gap: 0 },
    ]);
    expect(told.recovered[0]!.took).toBeGreaterThanOrEqual(GIVE_UP_AFTER_BAD);
    expect(told.recovered[0]!.took).toBeLessThanOrEqual(GIVE_UP_AFTER_BAD + 1500);
    // It comes back by itself, which is no way back; the next time is told again.
    await go(TRY_AFTER_CLEAR + 2000);
    expect(told.condition).toMatchObject({ weak: false });
    expect(told.recovered).toHaveLength(1);
    await lossy(10_000);
    expect(told.recovered).toHaveLength(2);
    controller.dispose();
  });

  test('has no picture of a network that it left', async () => {
    const { controller, peers, told, go, up } = made();
    await up();
    peers[0]!.fail();
    await go(600, false);
    expect(peers).toHaveLength(2);
    // The first one is closed: what it says is no news.
    peers[0]!.fail();
    await vi.advanceTimersByTimeAsync(0);
    expect(peers).toHaveLength(2);
    controller.step({ type: 'over' });
    expect(peers[1]!.closed).toBe(true);
    expect(told.incoming).toEqual([]);
    controller.dispose();
  });
});

test('an answer of our own is the last one with the next credentials', () => {
  const answer =
    'v=0\r\na=ice-lite\r\nm=audio\r\na=ice-ufrag:old\r\na=ice-pwd:past\r\na=mid:0\r\nm=video\r\na=ice-ufrag:old\r\na=ice-pwd:past\r\n';
  expect(answerAhead(answer, { ufrag: 'n$&w', password: 'x/+$1' })).toBe(
    'v=0\r\na=ice-lite\r\nm=audio\r\na=ice-ufrag:n$&w\r\na=ice-pwd:x/+$1\r\na=mid:0\r\nm=video\r\na=ice-ufrag:n$&w\r\na=ice-pwd:x/+$1\r\n',
  );
});

describe('statistics', () => {
  const reports = (...all: Record<string, unknown>[]) =>
    new Map(all.map((report, at) => [String(report['id'] ?? at), { id: at, ...report }]));
  const chromium = reports(
    { id: 'T', type: 'transport', packetsReceived: 7, selectedCandidatePairId: 'P' },
    {
      id: 'P',
      type: 'candidate-pair',
      localCandidateId: 'L',
      remoteCandidateId: 'R',
      availableOutgoingBitrate: 9e5,
    },
    { id: 'L', type: 'local-candidate', candidateType: 'host', protocol: 'tcp' },
    { id: 'R', type: 'remote-candidate', candidateType: 'host', protocol: 'tcp' },
    { type: 'inbound-rtp', kind: 'audio', packetsReceived: 50, packetsLost: 2 },
    { type: 'inbound-rtp', kind: 'video', packetsReceived: 500, packetsLost: 100 },
  );
  const firefox = reports(
    {
      id: 'P',
      type: 'candidate-pair',
      bytesReceived: 30,
      nominated: true,
      state: 'succeeded',
      localCandidateId: 'L',
    },
    { id: 'Q', type: 'candidate-pair', bytesReceived: 12, state: 'failed' },
    { id: 'L', type: 'local-candidate', candidateType: 'relay', protocol: 'udp' },
  );

  test('tell what came in, and which way it came', () => {
    expect(quickLook(chromium, know(chromium))).toEqual({ received: 7, via: 'tcp' });
    expect(quickLook(firefox, know(firefox))).toEqual({ received: 42, via: 'turn' });
    const behind = { id: 'L', candidateType: 'prflx', protocol: 'udp', relayProtocol: 'tls' };
    const relayed = new Map<string, object>(chromium).set('L', behind);
    expect(quickLook(relayed, know(relayed)).via).toBe('turn');
    // Firefox chooses after the first packets: what brought the last one is the way.
    const chosen = {
      ...firefox.get('Q'),
      state: 'succeeded',
      selected: true,
      lastPacketReceivedTimestamp: 800,
    };
    const unchosen = { ...firefox.get('P'), nominated: false, lastPacketReceivedTimestamp: 900 };
    const early = new Map<string, object>(firefox).set('P', unchosen).set('Q', chosen);
    expect(quickLook(early, know(early))).toEqual({ received: 900, via: 'turn' });
    // What comes on another pair than the one that the browser sends on says nothing of that one.
    const deaf = new Map<string, object>(chromium).set('P', { ...chromium.get('P'), packetsReceived: 4 });
    expect(quickLook(deaf, know(deaf)).received).toBe(4);
    const empty = reports();
    expect(quickLook(empty, know(empty))).toEqual({ received: 0, via: 'udp' });
    // A transport that counts nothing is passed over for the pairs.
    const both = reports(
      { id: 'T', type: 'transport' },
      { id: 'P', type: 'candidate-pair', bytesReceived: 3 },
    );
    expect(quickLook(both, know(both)).received).toBe(3);
  });

  test('tell what the network carries', () => {
    expect(closeLook(chromium)).toEqual({
      received: 7,
      via: 'tcp',
      outgoing: 9e5,
      sound: { received: 50, lost: 2 },
    });
    expect(closeLook(firefox).outgoing).toBeNull();
  });
});
