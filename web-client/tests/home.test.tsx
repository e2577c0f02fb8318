// @vitest-environment happy-dom
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { language } from '../src/i18n/index.ts';
import { Home } from '../src/ui/Home.tsx';

const TEMPLATES = ['council', 'codev-1h15', 'fishbowl'].map((id) => ({
  id,
  title: { fr: id, en: id },
  purpose: { fr: `À quoi sert ${id}.`, en: `What ${id} is for.` },
  minutes: 60,
  people: 8,
}));

let root: HTMLElement;
let asked: unknown[];
let answer: { status: number; body: unknown };

beforeEach(async () => {
  language.value = 'en';
  asked = [];
  answer = { status: 201, body: { room: 'r', links: [] } };
  vi.stubGlobal('fetch', async (path: string, request?: RequestInit) => {
    if (path === '/api/templates') return new Response(JSON.stringify(TEMPLATES));
    if (path !== '/api/rooms') return new Response('', { status: 404 });
    asked.push(JSON.parse(String(request?.body)));
    return new Response(JSON.stringify(answer.body), { status: answer.status });
  });
  root = document.createElement('div');
  document.body.append(root);
  act(() => render(<Home />, root));
  await settle();
});

afterEach(() => {
  render(null, root);
  root.remove();
  vi.unstubAllGlobals();
});

const hook = (name: string) => root.querySelector<HTMLElement>(`[data-testid="${name}"]`);
/** Lets answers that are there already arrive. */
const settle = async () => {
  for (let turn = 0; turn < 8; turn++) await act(async () => undefined);
};
const change = (element: Element, event: string, set: (element: HTMLInputElement) => void) =>
  act(() => {
    set(element as HTMLInputElement);
    element.dispatchEvent(new Event(event, { bubbles: true }));
  });
const names = () => [...root.querySelectorAll('.person > input')];
const roles = () => [...root.querySelectorAll('.person select')];

test('all the server’s templates can be chosen, the usual one is', () => {
  const select = hook('create-template') as HTMLSelectElement;
  expect([...select.options].map(({ value }) => value)).toEqual([...TEMPLATES.map(({ id }) => id), ' own']);
  expect(select.value).toBe('codev-1h15');
  expect(root.textContent).toContain('What codev-1h15 is for.');
});

test('a room is made with its people, an expert and a co-facilitator among them', async () => {
  ['Hélène', 'Oumar', ' Sofia '].forEach((name, index) =>
    change(names()[index]!, 'input', (input) => (input.value = name)),
  );
  change(hook('create-expert-1')!, 'change', (input) => (input.checked = true));
  change(roles()[2]!, 'change', (select) => (select.value = 'co_facilitator'));
  act(() => hook('create')?.click());
  await settle();
  expect(asked).toEqual([
    {
      template: 'codev-1h15',
      language: 'en',
      people: [
        { name: 'Hélène', role: 'facilitator' },
        { name: 'Oumar', role: 'consultant', expert: true },
        { name: 'Sofia', role: 'co_facilitator' },
      ],
    },
  ]);
  expect(hook('created')).not.toBeNull();
});

test('whoever is no consultant any more is no expert either', async () => {
  change(names()[1]!, 'input', (input) => (input.value = 'Oumar'));
  change(hook('create-expert-1')!, 'change', (input) => (input.checked = true));
  change(roles()[1]!, 'change', (select) => (select.value = 'scribe'));
  expect(hook('create-expert-1')).toBeNull();
  act(() => hook('create')?.click());
  await settle();
  expect(asked).toMatchObject([{ people: [{ name: 'Oumar', role: 'scribe' }] }]);
  expect(JSON.stringify(asked)).not.toContain('expert');
});

test('a file of one’s own is sent whole, and its refusal names line and reason', async () => {
  answer = { status: 400, body: { error: 'template_text: `scribe` has no turn', line: 26 } };
  change(names()[0]!, 'input', (input) => (input.value = 'Hélène'));
  change(hook('create-template')!, 'change', (select) => (select.value = ' own'));
  expect((hook('create') as HTMLButtonElement).disabled).toBe(true);
  const file = new File(['people = 4'], 'mine.toml');
  change(hook('create-file')!, 'change', (input) =>
    Object.defineProperty(input, 'files', { value: [file], configurable: true }),
  );
  await settle();
  expect(root.textContent).toContain('mine.toml');
  act(() => hook('create')?.click());
  await settle();
  expect(asked).toMatchObject([{ template_text: 'people = 4' }]);
  expect(asked[0]).not.toHaveProperty('template');
  expect(hook('create-problem')?.textContent).toContain('Line 26: `scribe` has no turn');
  expect(hook('create-problem')?.getAttribute('role')).toBe('alert');
});

test('a file that no template fills is not even read', async () => {
  change(hook('create-template')!, 'change', (select) => (select.value = ' own'));
  const file = { name: 'film.mp4', size: 9_000_000, text: () => Promise.reject(new Error('was read')) };
  change(hook('create-file')!, 'change', (input) =>
    Object.defineProperty(input, 'files', { value: [file], configurable: true }),
  );
  await settle();
  expect(hook('create-problem')?.textContent).toContain('too large');
  expect((hook('create') as HTMLButtonElement).disabled).toBe(true);
});
