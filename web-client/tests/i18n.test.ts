import { readdirSync, readFileSync } from 'node:fs';
import { FluentResource } from '@fluent/bundle';
import { expect, test } from 'vitest';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const french = read('../src/i18n/fr.ftl');
const english = read('../src/i18n/en.ftl');
const ids = (source: string) => new FluentResource(source).body.map(({ id }) => id as string);
const variables = (source: string) =>
  Object.fromEntries(
    new FluentResource(source).body.map((entry) => [
      entry.id,
      [...JSON.stringify(entry.value).matchAll(/"type":"var","name":"([^"]+)"/g)]
        .map(([, name]) => name)
        .sort(),
    ]),
  );

const folder = new URL('../src/', import.meta.url);
const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => readFileSync(new URL(name, folder), 'utf8'))
  .join('\n');

/** Codes of the wire that the page words: every one needs its sentence. */
const wire = read('../src/wire/generated.ts');
const codes = (type: string) =>
  [...(new RegExp(`export type ${type} = ([^;]+);`).exec(wire)?.[1] ?? '').matchAll(/"([a-z_]+)"/g)].map(
    ([, code]) => code as string,
  );

/** The tags of a tagged union: every variant the page words. */
const tags = (type: string, tag: string) => [
  ...new Set(
    [
      ...(new RegExp(`export type ${type} =([^;]+);`).exec(wire)?.[1] ?? '').matchAll(
        new RegExp(`"${tag}": "([a-z_]+)"`, 'g'),
      ),
    ].map(([, code]) => code as string),
  ),
];

test.each([
  ['NextStep', 'step', 'go-', []],
  ['Presence', 'presence', 'presence-', ['here']],
  ['RecordFate', 'fate', 'fate-', []],
  ['VoteOption', 'option', 'vote-', ['person', 'answer']],
])('every %s has its words', (type, tag, prefix, elsewhere: string[]) => {
  const all = tags(type, tag);
  expect(all.length).toBeGreaterThan(1);
  for (const code of all.filter((code) => !elsewhere.includes(code)))
    expect(ids(french), code).toContain(`${prefix}${code}`);
});

test('French has its spaces and apostrophes as printers set them', () => {
  const values = new FluentResource(french).body.map(({ id, value }) => [id, JSON.stringify(value)]);
  const wrong = values.filter(([, text]) => / [?!;:»%]|« |[a-zà-ÿ]'[a-zà-ÿ]/i.test(text ?? ''));
  expect(wrong.map(([id]) => id)).toEqual([]);
});

test('both languages have the same words with the same blanks', () => {
  expect(ids(english).sort()).toEqual(ids(french).sort());
  expect(variables(english)).toEqual(variables(french));
});

test('no word is there twice', () => {
  expect(new Set(ids(french)).size).toBe(ids(french).length);
});

test('every word that is asked for is there', () => {
  const asked = [...sources.matchAll(/\bt\(\s*'([a-z][a-zA-Z_-]*)'/g)].map(([, id]) => id as string);
  expect(asked.length).toBeGreaterThan(60);
  expect(asked.filter((id) => !ids(french).includes(id))).toEqual([]);
});

test('every word that is there is asked for', () => {
  const quoted = new Set([...sources.matchAll(/'([a-z][a-zA-Z_-]*)'/g)].map(([, id]) => id));
  const prefixes = [...sources.matchAll(/t\(\s*`([a-z-]+)\$\{/g)].map(([, prefix]) => prefix as string);
  const idle = ids(french).filter(
    (id) => !quoted.has(id) && !prefixes.some((prefix) => id.startsWith(prefix)),
  );
  expect(idle).toEqual([]);
});

test.each([
  ['Refusal', 'refusal-', []],
  ['Blocked', 'blocked-', []],
  ['Role', 'role-', []],
  // After some of them the page comes back by itself.
  ['ClosingReason', 'message-', ['left', 'session_ended', 'too_slow', 'restarting', 'flooding', 'full']],
  ['EntryKind', 'record-', []],
  ['EntryKind', 'entry-', []],
  ['ClientDropChoice', 'drop-', []],
  ['Band', 'band-', []],
  ['VoteAbout', 'result-', []],
  ['Rung', 'rung-', []],
  ['DropCause', 'cause-', []],
  ['Carrier', 'carrier-', []],
])('every %s has its sentence', (type, prefix, elsewhere: string[]) => {
  const all = codes(type);
  expect(all.length).toBeGreaterThan(1);
  for (const code of all.filter((code) => !elsewhere.includes(code))) {
    const id = prefix === 'message-' ? `${prefix}${code}-title` : `${prefix}${code}`;
    expect(ids(french), id).toContain(id);
  }
});
