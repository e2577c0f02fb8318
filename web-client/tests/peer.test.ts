import { afterEach, expect, test, vi } from 'vitest';
import { browserPeer, preferred } from '../src/media/peer.ts';

afterEach(() => vi.unstubAllGlobals());

test('only what everyone can decode is offered, best first', () => {
  const codec = (mimeType: string) => ({ mimeType, clockRate: 90_000 });
  const names = preferred('video', ['video/H264', 'video/rtx', 'video/VP8', 'video/AV1'].map(codec));
  expect(names.map(({ mimeType }) => mimeType)).toEqual(['video/VP8', 'video/rtx']);
});

/** A peer on a connection that is up and gives the statistics it is told to. */
function made(getStats: () => Promise<unknown>) {
  class Connection {
    connectionState = 'connected';
    addEventListener = (_: string, changed: () => void) => changed();
    addTransceiver = () => ({ sender: {}, receiver: { track: {} }, setCodecPreferences: () => {} });
    getStats = getStats;
    close = () => {};
  }
  vi.stubGlobal('RTCPeerConnection', Connection);
  vi.stubGlobal('RTCRtpReceiver', { getCapabilities: () => null });
  const nothing = { audio: null, camera: null, screen: null };
  return browserPeer({ slots: [1], ice_servers: [] }, nothing, () => {}).peer;
}

test('a look ends with its connection, also in a browser that never answers it then', async () => {
  for (const way of ['look', 'lookClosely'] as const) {
    const peer = made(() => new Promise(() => {}));
    const look = peer[way]();
    peer.close();
    await expect(look).rejects.toThrow('closed');
  }
});

test('a browser that forgets its old paths has heard nothing on the new ones by that', async () => {
  const pair = (id: string, lastPacketReceivedTimestamp: number) =>
    new Map([[id, { id, type: 'candidate-pair', bytesReceived: 9, lastPacketReceivedTimestamp }]]);
  let reports = pair('old', 1000);
  const peer = made(() => Promise.resolve(reports));
  const before = (await peer.look()).received;
  for (const forgotten of [new Map(), pair('new', 0)]) {
    reports = forgotten;
    expect((await peer.look()).received).toBe(before);
    expect((await peer.lookClosely()).received).toBe(before);
  }
  reports = pair('new', 1700);
  expect((await peer.look()).received).toBeGreaterThan(before);
});
