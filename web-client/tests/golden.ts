/** The golden files of the wire, which the Rust tests hold as well. */
import { readdirSync, readFileSync } from 'node:fs';
import type { ClientMessage, ServerMessage, Welcome } from '../src/wire/index.ts';

const FOLDER = new URL('../../crates/wire/golden/', import.meta.url);

export const goldenNames = readdirSync(FOLDER).map((name) => name.replace(/\.json$/, ''));
export const golden = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8'));
export const serverGolden = <T extends ServerMessage['type']>(name: string, type: T) => {
  const message = golden(name) as ServerMessage;
  if (message.type !== type) throw new Error(`${name} is a ${message.type}`);
  return message as Extract<ServerMessage, { type: T }>;
};
export const clientGolden = (name: string) => golden(name) as ClientMessage;
export const welcome = (): { type: 'welcome' } & Welcome => serverGolden('server.welcome', 'welcome');
