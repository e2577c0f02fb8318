/** What this browser remembers between pages. Storage may be full or forbidden: then it forgets. */
import { DEFAULT_CHOICE, type Choice } from '../media/devices.ts';
import type { Language } from '../wire/index.ts';

/** A page that was in this recently, and did not leave, comes back by itself. */
export const COME_BACK_WITHIN = 15 * 60_000;
/** How often a page that is in says so. */
export const HEARTBEAT = 5000;

function read<T extends object>(key: string, fallback: T): T {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key) ?? 'null');
    return typeof value === 'object' && value !== null ? { ...fallback, ...value } : fallback;
  } catch {
    return fallback;
  }
}

function write(key: string, value: object): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Nothing to be done: it is a convenience.
  }
}

export type Theme = 'system' | 'light' | 'dark';

export interface Settings {
  language: Language;
  theme: Theme;
  sounds: boolean;
}

export const loadSettings = (): Settings =>
  read('palabre.settings', {
    language: navigator.language.toLowerCase().startsWith('fr') ? 'fr' : 'en',
    theme: 'system',
    sounds: true,
  });
export const saveSettings = (settings: Settings) => write('palabre.settings', settings);

export const loadChoice = (): Choice => read('palabre.devices', DEFAULT_CHOICE);
export const saveChoice = (choice: Choice) => write('palabre.devices', choice);

/** What is remembered of a seat: never the link's token, only a mark of it. */
export interface Visit {
  /** When the page was last in; 0 when it left or never was. */
  at: number;
  muted: boolean;
  camera: boolean;
}

const visitKey = (token: string) => `palabre.visit.${mark(token)}`;
export const loadVisit = (token: string): Visit =>
  read(visitKey(token), { at: 0, muted: true, camera: false });
export const saveVisit = (token: string, visit: Visit) => write(visitKey(token), visit);

/** Whether a page with this memory comes back without being asked. */
export const comesBack = (visit: Visit, now: number): boolean =>
  visit.at > 0 && now - visit.at < COME_BACK_WITHIN;

/** A short mark of a text (FNV-1a): tells one link from another, gives nothing back. */
export function mark(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(36);
}
