/** The few HTTP calls of the front door. */
import type { Language, Role, Seat } from './wire/index.ts';

export type RoleName = Role;

/** A room and everyone's link. */
export interface CreatedRoom {
  room: string;
  links: { name: string; role: RoleName; seat: Seat; url: string }[];
}

/** A template that ships with the server. */
export interface Template {
  id: string;
  title: Record<Language, string>;
  purpose: Record<Language, string>;
  minutes: number;
  /** How many it is sized for. */
  people: number;
}

/** Somebody a room is made for. */
export interface Invited {
  name: string;
  role: RoleName;
  expert?: boolean;
}

/** What `POST /api/rooms` takes: a template of the server's by its name, or a file of one's own. */
export type RoomRequest = ({ template: string } | { template_text: string }) & {
  language: Language;
  people: Invited[];
  /** What people call when their media cannot be had. */
  telephone?: string;
};

/** The largest file of one's own, in bytes: a template of thirty phases takes a third of it. */
export const MAX_TEMPLATE_BYTES = 64 * 1024;

/** The ready-made room, when this server has one. */
export async function loadDemo(): Promise<CreatedRoom | null> {
  const answer = await fetch('/api/demo');
  return answer.ok ? ((await answer.json()) as CreatedRoom) : null;
}

export async function loadTemplates(): Promise<Template[]> {
  const answer = await fetch('/api/templates');
  if (!answer.ok) throw new Error(`templates: ${answer.status}`);
  return (await answer.json()) as Template[];
}

/** A new room, or what the server says against it. */
export async function createRoom(request: RoomRequest): Promise<CreatedRoom | Problem> {
  try {
    const answer = await fetch('/api/rooms', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
    if (answer.ok) return (await answer.json()) as CreatedRoom;
    return problemOf(await answer.text(), answer.status);
  } catch {
    return { problem: 'unreachable' };
  }
}

/** What the server, or something before it, says against a request. */
export interface Problem {
  problem: string;
  /** In a file of one's own: where, from 1. */
  line?: number;
}

/** What the server calls the field of a file of one's own; a person never sees fields. */
const FIELD = /^template_text: /;

/** The reason in a refusal's body, be it the server's JSON or a proxy's plain text. */
export function problemOf(body: string, status: number): Problem {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && 'error' in value && typeof value.error === 'string') {
      const line = 'line' in value && typeof value.line === 'number' ? { line: value.line } : {};
      return { problem: value.error.replace(FIELD, ''), ...line };
    }
  } catch {
    if (body.trim()) return { problem: body.trim().slice(0, 300) };
  }
  return { problem: String(status) };
}
