/** The record as a Markdown file: the client's own copy, made on the page and sent nowhere. */
import type { Entry, RoomView } from '../wire/index.ts';
import { nameAt, personAt } from './derive.ts';
import { ratings } from './record.ts';

/** The words of a language, as `t` of the i18n module. */
export type Words = (id: string, args?: Record<string, string | number>) => string;

/** What somebody wrote stays what they wrote: no character of it becomes a sign of Markdown. */
export const plain = (text: string): string =>
  text
    .replace(/[\\`*_[\]<>#|~&]/g, '\\$&')
    .replace(/\r?\n/g, '  \n')
    .replace(/^([ \t]*)([-+=])/gm, '$1\\$2')
    .replace(/^([ \t]*\d+)([.)])/gm, '$1\\$2');

/** The second and later lines of a list's item belong to the item. */
const item = (text: string): string => plain(text).replace(/\n/g, '\n  ');

export const stars = (count: number): string => '★'.repeat(count) + '☆'.repeat(Math.max(0, 5 - count));

/** The mean of the stars, to one decimal; `null` without a rating. */
export function meanStars(room: RoomView): number | null {
  const all = ratings(room);
  return all.length === 0
    ? null
    : Math.round((10 * all.reduce((sum, count) => sum + count, 0)) / all.length) / 10;
}

/** The record as text, with its date in words. */
export function toMarkdown(room: RoomView, date: string, words: Words): string {
  const of = <K extends Entry['entry']['kind']>(kind: K) =>
    room.entries.flatMap((entry) =>
      entry.entry.kind === kind
        ? [{ ...entry, entry: entry.entry as Extract<Entry['entry'], { kind: K }> }]
        : [],
    );
  const blocks: string[] = [`# ${plain(room.template.title)}`, plain(date)];
  const section = (id: string, lines: string[]) => {
    if (lines.length > 0) blocks.push(`## ${words(id)}`, lines.join('\n'));
  };
  const by = (seat: number) => plain(nameAt(room, seat));

  section(
    'export-people',
    room.people.map(({ seat, name, role }) => {
      const part = words(personAt(room, seat)?.expert ? 'role-expert' : `role-${role}`);
      return `- ${plain(name)} (${part})`;
    }),
  );
  if (room.phase.contract !== undefined) {
    blocks.push(`## ${words('contract-title')}`, `> ${plain(room.phase.contract).replace(/\n/g, '\n> ')}`);
  }
  section(
    'record-subject',
    of('subject').map(({ entry, seat }) => `- ${item(entry.text)} (${by(seat)})`),
  );
  const suggestions = of('suggestion');
  section(
    'export-kept',
    suggestions.filter(({ kept }) => kept).map(({ entry, seat }) => `- ${item(entry.text)} (${by(seat)})`),
  );
  section(
    suggestions.some(({ kept }) => kept) ? 'export-others' : 'record-suggestion',
    suggestions.filter(({ kept }) => !kept).map(({ entry, seat }) => `- ${item(entry.text)} (${by(seat)})`),
  );
  section(
    'record-action',
    of('action').map(({ entry }) =>
      [
        `- [ ] ${item(entry.what)}`,
        ...(entry.when ? [`  - ${words('action-when')} ${item(entry.when)}`] : []),
        ...(entry.first_step ? [`  - ${words('action-first')} ${item(entry.first_step)}`] : []),
      ].join('\n'),
    ),
  );
  section(
    'record-learning',
    of('learning').map(({ entry, seat }) => `- ${by(seat)} – ${item(entry.text)}`),
  );
  section(
    'record-rating',
    of('rating').map(
      ({ entry, seat }) =>
        `- ${stars(entry.stars)} (${by(seat)})${entry.comment ? ` – ${item(entry.comment)}` : ''}`,
    ),
  );
  section(
    'record-note',
    of('note').map(({ entry, seat }) => `- ${item(entry.text)} (${by(seat)})`),
  );
  return `${blocks.join('\n\n')}\n`;
}

/** A file's name that every system takes: `codev-1h15-2026-11-23.md`. */
export const fileName = (room: RoomView, now: number): string =>
  `${room.template.id.replace(/[^a-z0-9-]/gi, '')}-${new Date(now).toISOString().slice(0, 10)}.md`;
