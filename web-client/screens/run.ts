/**
 * Takes pictures of every screen, in both languages, both themes, and the sizes people have.
 *
 *   npm run screens -- [--only NAME] [--out DIR]
 */
import { mkdir } from 'node:fs/promises';
import { chromium } from 'playwright-core';
import { startServer } from './server.ts';
import { DESK, SHOTS } from './shots.ts';

const option = (name: string, fallback: string) => {
  const at = process.argv.indexOf(`--${name}`);
  return at >= 0 ? (process.argv[at + 1] ?? fallback) : fallback;
};
const OUT = option('out', 'test-results/screens');
const ONLY = option('only', '');
const PORT = Number(option('port', '20310'));

/** A peer connection that is well, but for pages in trouble: the pictures are of the page, not of a network. */
function fakeMedia() {
  const plight = location.hash.split('.')[2] ?? '';
  const dead = ['offline', 'away', 'mending', 'soundless', 'tunnel'].includes(plight);
  const rate = plight === 'weak' ? 60_000 : 2_000_000;
  const began = performance.now();
  const silent = () => dead && performance.now() - began > 2500;
  const track = (kind: string) =>
    kind === 'audio'
      ? new AudioContext().createMediaStreamDestination().stream.getAudioTracks()[0]
      : document.createElement('canvas').captureStream(0).getVideoTracks()[0];
  class Peer extends EventTarget {
    received = 0;
    connectionState = 'new';
    addTransceiver(kind: string | MediaStreamTrack) {
      const sender = { replaceTrack: async () => undefined };
      const receiver =
        typeof kind === 'string' ? { track: track(kind), getSynchronizationSources: () => [] } : {};
      return { sender, receiver, setCodecPreferences: () => undefined };
    }
    createOffer = async () => ({ type: 'offer', sdp: 'v=0' });
    setLocalDescription = async () => undefined;
    setRemoteDescription = async () => {
      this.connectionState = 'connected';
      this.dispatchEvent(new Event('connectionstatechange'));
    };
    getStats = async () => {
      if (!silent()) this.received++;
      return new Map<string, object>([
        ['T', { id: 'T', type: 'transport', packetsReceived: this.received, selectedCandidatePairId: 'P' }],
        ['P', { id: 'P', type: 'candidate-pair', availableOutgoingBitrate: rate }],
      ]);
    };
    close() {}
  }
  Object.assign(window, { RTCPeerConnection: Peer });
}

/** Draws people where the server would send them: a picture needs faces, and nobody's own. */
function paintFaces() {
  const skins = ['#e0ac8a', '#8d5a3c', '#f0c8a4', '#b97d56', '#6b4430', '#d99f77', '#4d3022', '#c68a62'];
  const clothes = ['#34506b', '#a0503c', '#56704e', '#7c5c86', '#c08a35', '#3b6a6a', '#8b3f55', '#4c4a7a'];
  const walls = ['#cfc4ae', '#b7c0ae', '#d6c9bd', '#aebcc2', '#c9b8a4', '#bdc3b2', '#d2bfae', '#b4b2a6'];
  const hair = ['#5a3b24', '#1d1613', '#20160f', '#3c2415', '#120d0b', '#7b5327', '#0d0a09', '#2d1c14'];
  for (const tile of document.querySelectorAll<HTMLElement>('.tile')) {
    const seat = Number((tile.dataset['testid'] ?? '').slice(5));
    const video = tile.querySelector('video');
    if (!video || seat === 4 || seat === 6 || tile.dataset['presence'] !== 'here') continue;
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 640;
    const g = canvas.getContext('2d')!;
    const wall = g.createLinearGradient(0, 0, 640, 640);
    wall.addColorStop(0, walls[seat % 8]!);
    wall.addColorStop(1, '#8d8570');
    g.fillStyle = wall;
    g.fillRect(0, 0, 640, 640);
    g.fillStyle = 'rgb(255 250 235 / 35%)';
    g.fillRect(seat % 2 ? 40 : 470, 60, 130, 240);
    const ellipse = (x: number, y: number, rx: number, ry: number, fill: string) => {
      g.fillStyle = fill;
      g.beginPath();
      g.ellipse(x, y, rx, ry, 0, 0, 7);
      g.fill();
    };
    const long = [0, 1, 3, 5, 7].includes(seat);
    if (long) ellipse(320, 330, 158, 210, hair[seat % 8]!);
    ellipse(320, 690, 255, 240, clothes[seat % 8]!);
    g.fillStyle = skins[seat % 8]!;
    g.fillRect(268, 400, 104, 90);
    ellipse(320, 490, 70, 40, skins[seat % 8]!);
    ellipse(320, 300, 112, 146, skins[seat % 8]!);
    ellipse(320, 196, 124, 74, hair[seat % 8]!);
    ellipse(long ? 222 : 214, 250, 28, 84, hair[seat % 8]!);
    ellipse(long ? 418 : 426, 250, 28, 84, hair[seat % 8]!);
    ellipse(276, 296, 10, 12, '#221811');
    ellipse(364, 296, 10, 12, '#221811');
    g.strokeStyle = 'rgb(60 25 15 / 70%)';
    g.lineWidth = 7;
    g.lineCap = 'round';
    g.beginPath();
    g.arc(320, 352, 42, 0.5, 2.64);
    g.stroke();
    video.srcObject = canvas.captureStream(5);
    void video.play().catch(() => undefined);
    const draw = () => {
      g.fillStyle = wall;
      g.fillRect(0, 0, 1, 1);
      requestAnimationFrame(draw);
    };
    draw();
  }
  const shared = document.querySelector<HTMLVideoElement>('.shared video');
  if (shared) {
    const canvas = document.createElement('canvas');
    canvas.width = 1280;
    canvas.height = 800;
    const g = canvas.getContext('2d')!;
    g.fillStyle = '#fffdf8';
    g.fillRect(0, 0, 1280, 800);
    g.fillStyle = '#20261f';
    g.font = '700 56px sans-serif';
    g.fillText('Équipe produit, 2026', 90, 140);
    [0.9, 0.55, 0.72, 0.38, 0.64].forEach((share, at) => {
      g.fillStyle = at === 2 ? '#f2b134' : '#cfc9b8';
      g.fillRect(90, 230 + at * 100, 1000 * share, 62);
    });
    shared.srcObject = canvas.captureStream(5);
    void shared.play().catch(() => undefined);
    const draw = () => {
      g.fillRect(0, 0, 1, 1);
      requestAnimationFrame(draw);
    };
    draw();
  }
}

/** What is cut off in the bar below, and labels of people written over each other. */
function crowded(): string[] {
  const cut = [...document.querySelectorAll<HTMLElement>('.floor .pill, .floor .pill span')]
    .filter((element) => element.offsetWidth > 0 && element.scrollWidth > element.clientWidth + 1)
    .map((element) => `“${element.textContent}” is cut off`);
  const outside = [...document.querySelectorAll<HTMLElement>('.bar button')]
    .filter((element) => element.getBoundingClientRect().right > innerWidth)
    .map((element) => `the button “${element.title || element.textContent}” leaves the screen`);
  const labels = [...document.querySelectorAll<HTMLElement>('.tile .label')].map((element) => {
    const words = [...element.children].map((child) => child.getBoundingClientRect());
    const seen = words.filter(({ width, height }) => width > 0 && height > 0);
    return {
      name: element.querySelector('strong')?.textContent,
      left: Math.min(...seen.map(({ left }) => left)),
      right: Math.max(...seen.map(({ right }) => right)),
      top: Math.min(...seen.map(({ top }) => top)),
      bottom: Math.max(...seen.map(({ bottom }) => bottom)),
    };
  });
  const over = labels.flatMap((a, index) =>
    labels
      .slice(index + 1)
      .filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
      .map((b) => `the labels of ${a.name} and ${b.name} overlap`),
  );
  return [...cut, ...outside, ...over];
}

const server = await startServer('dist', PORT);
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  // People see scrollbars, so the pictures show them.
  ignoreDefaultArgs: ['--hide-scrollbars'],
  args: [
    '--no-sandbox',
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
    '--autoplay-policy=no-user-gesture-required',
  ],
});
let failed = 0;
try {
  await mkdir(OUT, { recursive: true });
  for (const shot of SHOTS.filter(({ name }) => !ONLY || ONLY.split(',').includes(name))) {
    const [width, height] = shot.size ?? DESK;
    const context = await browser.newContext({
      viewport: { width, height },
      deviceScaleFactor: 1,
      locale: shot.language === 'en' ? 'en-GB' : 'fr-FR',
      colorScheme: shot.dark ? 'dark' : 'light',
      reducedMotion: 'reduce',
      hasTouch: width < 900,
      isMobile: width < 900,
    });
    const page = await context.newPage();
    await page.addInitScript(fakeMedia);
    page.on('pageerror', (error) => {
      failed++;
      console.error(`${shot.name}: ${error.message}`);
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(server.url) && !/^(blob|data):/.test(request.url())) {
        failed++;
        console.error(`${shot.name}: asked a third party: ${request.url()}`);
      }
    });
    await page.goto(server.url + shot.path);
    if (shot.path.startsWith('/r/')) {
      const join = page.getByTestId('join');
      await join.waitFor();
      await page.waitForFunction(
        () => !document.querySelector<HTMLButtonElement>('[data-testid=join]')?.disabled,
      );
      if (!shot.check) {
        await join.click();
        await page.locator('.room, .screen').first().waitFor();
        await page.waitForTimeout(900);
        await page.evaluate(paintFaces);
      }
    }
    await page.waitForTimeout(400);
    await shot.then?.(page, context);
    await page.waitForTimeout(500);
    if (shot.print) await page.emulateMedia({ media: 'print', colorScheme: 'light' });
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    if (overflow > 0) {
      failed++;
      console.error(`${shot.name}: ${overflow} px too wide`);
    }
    for (const complaint of shot.print ? [] : await page.evaluate(crowded)) {
      failed++;
      console.error(`${shot.name}: ${complaint}`);
    }
    await page.screenshot({
      path: `${OUT}/${shot.name}.png`,
      fullPage: shot.path === '/' || shot.print === true,
    });
    await context.close();
  }
} finally {
  await browser.close();
  server.close();
}
process.exitCode = failed > 0 ? 1 : 0;
