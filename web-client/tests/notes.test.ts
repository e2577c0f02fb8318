import { describe, expect, test } from 'vitest';
import {
  AT_LEAST,
  initialNotes,
  MAX_NOTES,
  notesTransition,
  QUIET,
  type Notes,
  type NotesInput,
} from '../src/state/notes.ts';

/** A page and a server that keeps what arrives. */
class Run {
  notes: Notes = initialNotes;
  sent: string[] = [];
  do(input: NotesInput): this {
    const step = notesTransition(this.notes, input);
    this.notes = step.notes;
    if (step.send !== null) this.sent.push(step.send);
    return this;
  }
  told = (text: string) => this.do({ type: 'told', text });
  type = (text: string, now: number) => this.do({ type: 'typed', text, now });
  tick = (now: number, connected = true) => this.do({ type: 'tick', now, connected });
  answer = (answer: 'done' | 'later' | 'refused', now: number) => this.do({ type: 'answered', answer, now });
}

describe('private notes', () => {
  test('are what the server has, until something is typed', () => {
    const run = new Run().told('kept');
    expect(run.notes).toEqual({ at: 'saved', text: 'kept' });
    expect(run.told('kept elsewhere').notes.text).toBe('kept elsewhere');
  });

  test('are sent after a moment’s quiet, once', () => {
    const run = new Run()
      .told('')
      .type('a', 0)
      .type('ab', 500)
      .tick(500 + QUIET - 1);
    expect(run.sent).toEqual([]);
    run.tick(500 + QUIET).tick(500 + QUIET + 1);
    expect(run.sent).toEqual(['ab']);
    expect(run.answer('done', 2000).notes).toEqual({ at: 'saved', text: 'ab' });
  });

  test('of somebody who never stops writing are sent all the same', () => {
    const run = new Run().told('');
    let text = '';
    for (let now = 0; now <= AT_LEAST; now += 200) run.type((text += 'x'), now).tick(now);
    expect(run.sent).toHaveLength(1);
  });

  test('what was typed while a text was on its way follows it, one at a time', () => {
    const run = new Run().told('').type('first', 0).tick(QUIET).type('first, second', 1000).tick(5000);
    expect(run.sent).toEqual(['first']);
    run.answer('done', 5000).tick(5000 + QUIET);
    expect(run.sent).toEqual(['first', 'first, second']);
  });

  test('are not lost by a connection that is: what was typed wins over what the server had', () => {
    const run = new Run().told('old').type('old and new', 0).tick(60_000, false);
    expect(run.sent).toEqual([]);
    // Back, with a whole new view of the room: the server still has the old text.
    run.told('old');
    expect(run.notes.text).toBe('old and new');
    run.tick(60_100);
    expect(run.sent).toEqual(['old and new']);
  });

  test('an echo of an older text does not undo what is being written', () => {
    const run = new Run().told('').type('one', 0).tick(QUIET).type('one two', 1000).told('one');
    expect(run.notes.text).toBe('one two');
  });

  test('a server that is too busy is asked again', () => {
    const run = new Run().told('').type('text', 0).tick(QUIET).answer('later', 1000);
    expect(run.notes.at).toBe('typed');
    run.tick(1000 + QUIET);
    expect(run.sent).toEqual(['text', 'text']);
  });

  test('a refusal is said, and not repeated for ever', () => {
    const run = new Run().told('').type('text', 0).tick(QUIET).answer('refused', 1000).tick(60_000);
    expect(run.notes).toEqual({ at: 'refused', text: 'text' });
    expect(run.sent).toHaveLength(1);
    expect(run.type('text again', 61_000).tick(70_000).sent).toHaveLength(2);
  });

  test('leave at once when the page goes out of sight', () => {
    const run = new Run().told('').type('text', 0).do({ type: 'leaving', connected: true });
    expect(run.sent).toEqual(['text']);
    const away = new Run().told('').type('text', 0).do({ type: 'leaving', connected: false });
    expect(away.sent).toEqual([]);
    expect(away.notes.at).toBe('typed');
  });

  test('are never longer than the server takes', () => {
    expect(new Run().told('').type('x'.repeat(MAX_NOTES + 9), 0).notes.text).toHaveLength(MAX_NOTES);
  });
});
