/**
 * Private notes: written here, kept by the server. A pure machine, so that nothing typed is ever lost:
 * what the person wrote wins over what the server has until the server has it too; only one text is on
 * its way at a time, and a lost connection merely delays it.
 */

/** After the last key, so long until it is sent: lower sends more often, higher loses more to a crash. */
export const QUIET = 900;
/** Whoever writes without a pause is saved this often. */
export const AT_LEAST = 4000;
/** The most the server keeps, in characters. */
export const MAX_NOTES = 8000;

/** Where the notes stand. */
export type Notes =
  /** Nothing heard of the server yet. */
  | { at: 'unknown'; text: '' }
  | { at: 'saved'; text: string }
  | { at: 'typed'; text: string; first: number; last: number }
  /** `sent` is on its way; what was typed since follows. */
  | { at: 'sending'; text: string; sent: string; last: number }
  /** The server takes no more (the session is over): they are on this page alone. */
  | { at: 'refused'; text: string };

export type NotesInput =
  | { type: 'typed'; text: string; now: number }
  /** The server's text, after entering or coming back. */
  | { type: 'told'; text: string }
  | { type: 'answered'; answer: 'done' | 'later' | 'refused'; now: number }
  | { type: 'tick'; now: number; connected: boolean }
  /** The page is about to go out of sight: now or never. */
  | { type: 'leaving'; connected: boolean };

export interface NotesStep {
  notes: Notes;
  /** What to send. */
  send: string | null;
}

export const initialNotes: Notes = { at: 'unknown', text: '' };

const stay = (notes: Notes): NotesStep => ({ notes, send: null });

export function notesTransition(notes: Notes, input: NotesInput): NotesStep {
  switch (input.type) {
    case 'typed': {
      const text = input.text.slice(0, MAX_NOTES);
      if (text === notes.text && notes.at !== 'unknown') return stay(notes);
      if (notes.at === 'sending') return stay({ ...notes, text, last: input.now });
      const first = notes.at === 'typed' ? notes.first : input.now;
      return stay({ at: 'typed', text, first, last: input.now });
    }
    case 'told':
      return notes.at === 'unknown' || notes.at === 'saved'
        ? stay({ at: 'saved', text: input.text })
        : stay(notes);
    case 'answered': {
      if (notes.at !== 'sending') return stay(notes);
      const { text, sent } = notes;
      if (input.answer === 'refused') return stay({ at: 'refused', text });
      if (input.answer === 'done' && text === sent) return stay({ at: 'saved', text });
      const last = input.answer === 'done' ? notes.last : input.now;
      return stay({ at: 'typed', text, first: input.now, last });
    }
    case 'tick': {
      if (notes.at !== 'typed' || !input.connected) return stay(notes);
      const due = input.now - notes.last >= QUIET || input.now - notes.first >= AT_LEAST;
      return due ? send(notes) : stay(notes);
    }
    case 'leaving':
      return notes.at === 'typed' && input.connected ? send(notes) : stay(notes);
  }
}

function send(notes: Extract<Notes, { at: 'typed' }>): NotesStep {
  const { text, last } = notes;
  return { notes: { at: 'sending', text, sent: text, last }, send: text };
}
