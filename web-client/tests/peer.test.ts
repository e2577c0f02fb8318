import { afterEach, expect, test, vi } from 'vitest';
import { browserPeer, preferred } from '../src/media/peer.ts';

afterEach(() => vi.unstubAllGlobals());

test('only what everyone can decode is offered, best first', () => {
  const codec = (mimeType: string) => ({ mimeType, clockRate: 90_000 });
  const names = preferred('video', ['video/H264', 'video/rtx', 'video/VP8', 'video/AV1'].map(codec));
  expect(names.map(({ mimeType }) => mimeType)).toEqual(['video/VP8', 'video/rtx']);
});

test('a look ends with its connection, also in a browser that never answers it then', async () => {
  class Connection {
    addEventListener = () => {};
    addTransceiver = () => ({ sender: {}, receiver: { track: {} }, setCodecPreferences: () => {} });
    getStats = () => new Promise(() => {});
    close = () => {};
  }
  vi.stubGlobal('RTCPeerConnection', Connection);
  vi.stubGlobal('RTCRtpReceiver', { getCapabilities: () => null });
  const nothing = { audio: null, camera: null, screen: null };
  for (const way of ['look', 'lookClosely'] as const) {
    const { peer } = browserPeer({ slots: [1], ice_servers: [] }, nothing, () => {});
    const look = peer[way]();
    peer.close();
    await expect(look).rejects.toThrow('closed');
  }
});
