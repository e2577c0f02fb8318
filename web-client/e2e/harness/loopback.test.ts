// The harness itself, against a page of two peer connections that loops its own media back.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Browser } from './browser.ts';
import { identify, inWords, reference } from './identify.ts';
import { listen, watch } from './listen.ts';
import { hue, hueDistance, picture } from './picture.ts';
import { isRunning, processTree } from './process.ts';
import { speakers } from './speech.ts';
import { expectNow, until } from './until.ts';

const LOOPBACK_PAGE = `<!doctype html><link rel="icon" href="data:,"><button data-testid="join">join</button>
<div data-testid="tile-3" data-name="Laura"><audio autoplay></audio><video autoplay muted playsinline></video></div>
<script type="module">
document.querySelector("button").onclick = async () => {
  const own = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true }, video: { width: 320, height: 180 } });
  const [a, b] = [new RTCPeerConnection(), new RTCPeerConnection()];
  a.onicecandidate = ({ candidate }) => b.addIceCandidate(candidate);
  b.onicecandidate = ({ candidate }) => a.addIceCandidate(candidate);
  b.ontrack = ({ track }) => document.querySelector(track.kind).srcObject = new MediaStream([track]);
  for (const track of own.getTracks()) a.addTrack(track, own);
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription();
  await a.setRemoteDescription(b.localDescription);
  window.microphone = own.getAudioTracks()[0];
};
</script>`;

const everyone = speakers(3);
const references = everyone.map(({ name, pcm }) => reference(name, pcm));
const open: Browser[] = [];
let server: Server;
let url: string;

async function start(setup: Parameters<typeof Browser.start>[0]): Promise<Browser> {
  const browser = await Browser.start(setup);
  open.push(browser);
  return browser;
}

async function playing(browser: Browser): Promise<void> {
  await until('the picture moves', async () => {
    const [tile] = await watch(browser.page, 0.4);
    expectNow(tile !== undefined && tile.frames > 0 && tile.motion > 0, JSON.stringify(tile));
  });
}

beforeAll(async () => {
  server = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end(LOOPBACK_PAGE));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterEach(async () => {
  for (const browser of open.splice(0)) await browser.close();
});
afterAll(() => server.close());

test('what the microphone plays is heard and named, and silence when it is off', async () => {
  const browser = await start({ microphone: everyone[1]?.file, camera: picture(1) });
  await browser.page.goto(url);
  await browser.page.getByTestId('join').click();
  await playing(browser);

  // A busy machine starves the browser's sound for a moment: what was cut to pieces is heard again.
  await until('the voice is named', async () => {
    const [tile] = await listen(browser.page, 3);
    expect(tile).toMatchObject({ seat: 3, name: 'Laura' });
    const heard = identify(tile?.sound ?? { rate: 1, samples: new Float32Array() }, references);
    expect(heard, inWords(heard)).toMatchObject({ kind: 'speaker', name: 'speaker-1' });
  });

  await browser.page.evaluate("document.querySelector('audio').muted = true");
  const [muted] = await listen(browser.page, 1);
  expect(muted?.sound.samples.length).toBeGreaterThan(4_000);
  expect(identify(muted?.sound ?? { rate: 1, samples: new Float32Array() }, references).kind).toBe('silence');

  await browser.page.evaluate("document.querySelector('audio').muted = false; microphone.enabled = false");
  await until('nothing is heard', async () => {
    const [off] = await listen(browser.page, 1);
    expectNow(off !== undefined && identify(off.sound, references).kind === 'silence', 'still heard');
  });
  expect(browser.errors()).toEqual([]);
});

test("the picture has its person's colour and moves", async () => {
  const browser = await start({ microphone: everyone[0]?.file, camera: picture(4) });
  await browser.page.goto(url);
  await browser.page.getByTestId('join').click();
  await playing(browser);
  const [tile] = await watch(browser.page, 2);
  expect(tile).toMatchObject({ seat: 3, width: 320, height: 180 });
  expect(tile?.frames).toBeGreaterThan(5);
  expect(tile?.motion).toBeGreaterThan(2);
  expect(tile?.variety).toBeGreaterThan(5);
  expect(hueDistance(tile?.hue ?? 0, hue(4))).toBeLessThan(25);
});

test('a killed browser leaves nothing running and can be opened again on its profile', async () => {
  const profile = mkdtempSync(join(tmpdir(), 'palabre-profile-'));
  try {
    const first = await start({ profile });
    await first.page.goto(url);
    const processes = processTree(first.pid);
    expect(processes.length).toBeGreaterThan(2);
    await first.kill();
    expect(processes.filter(isRunning)).toEqual([]);
    const again = await start({ profile });
    await again.page.goto(url);
    expect(await again.page.evaluate('1 + 1')).toBe(2);
    await again.close();
  } finally {
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
});

test('errors of the page are collected', async () => {
  const browser = await start({});
  await browser.page.goto(url);
  await browser.page.evaluate(
    "console.error('out of tune'); setTimeout(() => { throw new Error('uncaught one') })",
  );
  await until('both are there', () =>
    expectNow(browser.errors().length === 2, JSON.stringify(browser.console)),
  );
  expect(
    browser
      .errors()
      .map(({ kind }) => kind)
      .sort(),
  ).toEqual(['error', 'uncaught']);
});
