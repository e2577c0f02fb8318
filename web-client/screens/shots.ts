/** What is pictured: each screen that matters, in the sizes, languages and lights that people have. */
import type { BrowserContext, Page } from 'playwright-core';

export interface Shot {
  name: string;
  path: string;
  size?: [number, number];
  language?: 'fr' | 'en';
  dark?: boolean;
  /** Stops at the check before joining. */
  check?: boolean;
  /** As a printer sees it. */
  print?: boolean;
  /** Runs before the picture. */
  then?: (page: Page, context: BrowserContext) => Promise<void>;
}

export const DESK: [number, number] = [1440, 900];
const PHONE: [number, number] = [390, 844];
const SMALL: [number, number] = [360, 740];
const LAPTOP: [number, number] = [1280, 800];
const SIDE: [number, number] = [844, 390];

/** A room's path for a scene and a seat. */
const room = (scene: string, seat: number) => `/r/demo-room#${scene}.${seat}`;
const click = (testid: string) => (page: Page) => page.getByTestId(testid).click();
const phoneTab = (tab: string) => async (page: Page) => {
  await page.getByTestId('panel').click();
  await page.getByTestId(`tab-${tab}`).click();
};

/** How long each trouble of one's own connection takes to be told, in milliseconds. */
const PLIGHTS = {
  offline: 3500,
  away: 4500,
  listening: 3500,
  mending: 3500,
  soundless: 11_000,
  tunnel: 6500,
  weak: 8500,
};

/** Each of them on a desk and on a telephone, by day and by night, in both languages. */
function plights(): Shot[] {
  const all = Object.entries(PLIGHTS).flatMap(([plight, after]) =>
    [true, false].map((desk): Shot => ({
      name: `plight-${plight}${desk ? '' : '-phone-dark-en'}`,
      path: `${room('holder', 2)}.${plight}`,
      ...(desk ? {} : { size: PHONE, dark: true, language: 'en' as const }),
      then: async (page, context) => {
        if (plight === 'offline') await context.setOffline(true);
        await page.waitForTimeout(after);
      },
    })),
  );
  const asked = async (page: Page) => {
    await page.getByTestId('settings').click();
    await page.getByTestId('audio-only').check();
    await page.keyboard.press('Escape');
  };
  const voices = { path: room('holder', 2), then: asked };
  return [
    ...all,
    { name: 'plight-audio-only', ...voices },
    { name: 'plight-audio-only-phone-en', ...voices, size: SMALL, language: 'en' },
  ];
}

export const SHOTS: Shot[] = [
  { name: 'home', path: '/' },
  { name: 'home-dark-en', path: '/', dark: true, language: 'en' },
  { name: 'home-phone', path: '/', size: PHONE },
  { name: 'check', path: '/r/demo-room#holder.2', check: true },
  { name: 'check-phone-dark', path: '/r/demo-room#holder.2', check: true, size: PHONE, dark: true },
  { name: 'lobby-facilitator', path: '/r/demo-room#lobby.0' },
  { name: 'holder', path: '/r/demo-room#holder.2' },
  { name: 'holder-dark-en', path: '/r/demo-room#holder.2', dark: true, language: 'en' },
  { name: 'holder-phone', path: '/r/demo-room#holder.2', size: PHONE },
  { name: 'holder-phone-side', path: '/r/demo-room#holder.2', size: SIDE },
  { name: 'round-facilitator', path: '/r/demo-room#round.0' },
  { name: 'round-facilitator-phone-dark', path: '/r/demo-room#round.0', size: PHONE, dark: true },
  { name: 'mine', path: '/r/demo-room#mine.2' },
  { name: 'mine-phone', path: '/r/demo-room#mine.2', size: PHONE, language: 'en' },
  { name: 'pair', path: '/r/demo-room#pair.1', dark: true },
  { name: 'pair-phone', path: '/r/demo-room#pair.1', size: PHONE },
  { name: 'pair-small-dark-en', path: '/r/demo-room#pair.3', size: SMALL, dark: true, language: 'en' },
  { name: 'pair-mine-phone', path: '/r/demo-room#pair.3', size: PHONE },
  { name: 'pair-mine-small', path: '/r/demo-room#pair.3', size: SMALL },
  { name: 'contract', path: '/r/demo-room#contract.0' },
  { name: 'contract-phone', path: '/r/demo-room#contract.4', size: PHONE },
  {
    name: 'contract-small-dark-en',
    path: '/r/demo-room#contract.4',
    size: SMALL,
    dark: true,
    language: 'en',
  },
  { name: 'round-laptop', path: '/r/demo-room#round.0', size: LAPTOP },
  { name: 'round-laptop-dark-en', path: '/r/demo-room#round.0', size: LAPTOP, dark: true, language: 'en' },
  { name: 'pair-laptop', path: '/r/demo-room#pair.0', size: LAPTOP },
  { name: 'mine-small', path: '/r/demo-room#mine.2', size: SMALL },
  { name: 'silence', path: '/r/demo-room#silence.2', size: [1280, 720] },
  { name: 'open', path: '/r/demo-room#open.2' },
  { name: 'open-phone-dark', path: '/r/demo-room#open.2', size: PHONE, dark: true },
  { name: 'away', path: '/r/demo-room#away.2' },
  { name: 'grace', path: '/r/demo-room#grace.2', dark: true },
  { name: 'screen', path: '/r/demo-room#screen.2' },
  { name: 'settings', path: '/r/demo-room#holder.0', then: (page) => page.getByTestId('settings').click() },
  {
    name: 'panel-phone',
    path: '/r/demo-room#open.2',
    size: PHONE,
    then: (page) => page.getByTestId('panel').click(),
  },
  { name: 'lobby-phone', path: room('lobby', 0), size: PHONE },
  { name: 'drill', path: room('drill', 0) },
  { name: 'drill-phone-dark-en', path: room('drill', 1), size: PHONE, dark: true, language: 'en' },
  { name: 'drill-back', path: room('drill-back', 3), size: LAPTOP },
  { name: 'vote', path: room('vote', 2) },
  { name: 'vote-phone', path: room('vote', 3), size: PHONE },
  { name: 'vote-facilitator-dark-en', path: room('vote', 0), dark: true, language: 'en' },
  { name: 'vote-facilitator-phone', path: room('vote', 0), size: PHONE },
  { name: 'result', path: room('result', 3), size: LAPTOP },
  { name: 'tie', path: room('tie', 0) },
  { name: 'tie-phone', path: room('tie', 0), size: PHONE },
  { name: 'wording', path: room('wording', 1) },
  { name: 'wording-phone', path: room('wording', 1), size: PHONE },
  { name: 'ask', path: room('ask', 3), then: click('ask') },
  { name: 'breakout', path: room('breakout', 5) },
  { name: 'breakout-phone', path: room('breakout', 1), size: PHONE },
  { name: 'breakout-facilitator', path: room('breakout', 0), dark: true },
  { name: 'breakout-facilitator-phone', path: room('breakout', 0), size: PHONE },
  { name: 'circle', path: room('circle', 2) },
  { name: 'circle-phone', path: room('circle', 3), size: PHONE },
  { name: 'record', path: room('record', 1), then: click('tab-record') },
  { name: 'record-consultant', path: room('record', 3), size: LAPTOP, then: click('tab-record') },
  { name: 'record-phone', path: room('record', 1), size: PHONE, then: phoneTab('record') },
  { name: 'plan', path: room('plan', 1), dark: true, then: click('tab-record') },
  { name: 'learning', path: room('learning', 4), language: 'en', then: click('tab-record') },
  { name: 'learning-phone', path: room('learning', 4), size: PHONE, then: phoneTab('record') },
  { name: 'notes', path: room('mine', 3), then: click('tab-notes') },
  { name: 'conduct', path: room('round', 0), then: click('tab-conduct') },
  {
    name: 'conduct-dark-en',
    path: room('round', 0),
    dark: true,
    language: 'en',
    then: click('tab-conduct'),
  },
  { name: 'conduct-phone', path: room('round', 0), size: PHONE, then: phoneTab('conduct') },
  { name: 'extend', path: room('round', 0), then: click('extend-phase') },
  { name: 'extend-phone', path: room('round', 0), size: PHONE, then: click('extend-phase') },
  { name: 'agenda', path: room('round', 3), then: click('steps') },
  { name: 'agenda-phone', path: room('round', 3), size: PHONE, then: click('steps') },
  { name: 'help', path: room('holder', 3), then: click('help') },
  { name: 'help-phone', path: room('holder', 3), size: PHONE, then: click('help') },
  ...[undefined, PHONE].map((size) => ({
    name: size ? 'toast-phone' : 'toast',
    path: room('round', 0),
    ...(size ? { size } : {}),
    then: async (page: Page) => {
      await page.getByTestId('help').click();
      await page.getByTestId('cannot-hear').click();
    },
  })),
  { name: 'advance', path: room('advance', 0) },
  { name: 'advance-phone', path: room('advance', 3), size: PHONE },
  { name: 'warning', path: room('warning', 2) },
  { name: 'grace-mine', path: room('grace-mine', 2) },
  { name: 'grace-mine-phone', path: room('grace-mine', 2), size: PHONE },
  { name: 'client-away', path: room('client-away', 3) },
  { name: 'client-away-phone', path: room('client-away', 3), size: PHONE },
  { name: 'client-gone', path: room('client-gone', 0) },
  { name: 'client-gone-phone', path: room('client-gone', 0), size: PHONE },
  { name: 'writing', path: room('writing', 3), then: click('tab-record') },
  { name: 'autopilot', path: room('autopilot', 3) },
  { name: 'autopilot-phone', path: room('autopilot', 3), size: PHONE },
  { name: 'chair-away', path: room('chair-away', 3), size: LAPTOP },
  { name: 'replaced', path: room('replaced', 0) },
  { name: 'entering', path: room('entering', 4), size: LAPTOP },
  { name: 'paused', path: room('paused', 0) },
  { name: 'everybody-phone-dark', path: room('everybody', 3), size: PHONE, dark: true },
  { name: 'closing', path: room('closing', 1) },
  { name: 'closing-phone', path: room('closing', 1), size: PHONE },
  { name: 'erase', path: room('closing', 1), then: click('record-erase') },
  { name: 'ended', path: room('ended', 1) },
  { name: 'ended-phone-dark-en', path: room('ended', 1), size: PHONE, dark: true, language: 'en' },
  { name: 'ended-other', path: room('ended', 3) },
  { name: 'erased', path: room('erased', 1) },
  { name: 'print', path: room('ended', 1), size: [794, 1123], print: true },
  { name: 'print-en', path: room('closing', 1), size: [794, 1123], print: true, language: 'en' },
  {
    name: 'home-own-file',
    path: '/',
    then: async (page) => {
      await page.getByTestId('create-template').selectOption(' own');
      await page.getByTestId('create-file').setInputFiles({
        name: 'mon-cercle.toml',
        mimeType: 'application/toml',
        buffer: Buffer.from('id = "mon-cercle"'),
      });
      await page.locator('.person input').first().fill('Hélène');
      await page.locator('.person input').nth(1).fill('Oumar');
      await page.getByTestId('create-expert-1').check();
      await page.getByTestId('create').click();
    },
  },
  ...plights(),
  { name: 'room', path: '/r/demo-room#round.0', size: [1360, 850] },
  { name: 'expired', path: '/r/demo-room#expired.2' },
  { name: 'taken-dark-en', path: '/r/demo-room#taken.2', dark: true, language: 'en' },
  { name: 'full', path: room('full', 2) },
  { name: 'full-phone-dark-en', path: room('full', 2), size: PHONE, dark: true, language: 'en' },
  {
    name: 'left-phone',
    path: '/r/demo-room#holder.2',
    size: PHONE,
    then: (page) => page.getByTestId('leave').click(),
  },
];
