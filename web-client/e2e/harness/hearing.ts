/** Whether a page's person hears exactly whom they should. */
import { type Heard, inWords } from './identify.ts';
import { expectNow, until } from './until.ts';

/** Somebody whose page can be listened to. */
export interface Listener {
  readonly link: { readonly name: string; readonly seat: number };
  /** What comes out of each other seat's tile. */
  hears(): Promise<Map<number, Heard>>;
}

/** The speaker whose words a seat says, in every proof. */
export function voiceOf(seat: number): string {
  return `speaker-${seat}`;
}

/** A voice that was heard counts so many looks: a page short of time gives a silent piece now and then. */
const COUNTS_FOR = 3;

/** Waits until exactly `seats` are heard, each by their own voice and lately, and the others are silent. */
export async function hearsExactly(who: Listener, seats: readonly number[], seconds = 25): Promise<void> {
  const wanted = seats.filter((seat) => seat !== who.link.seat);
  const heardAt = new Map<number, number>();
  let look = 0;
  await until(
    `${who.link.name} hears exactly ${wanted.join(', ') || 'nobody'}`,
    async () => {
      look++;
      const wrong: string[] = [];
      const tiles = await who.hears();
      for (const [seat, heard] of tiles) {
        if (heard.kind === 'speaker') heardAt.delete(seat);
        if (heard.kind === 'speaker' && heard.name === voiceOf(seat)) heardAt.set(seat, look);
        const fine = wanted.includes(seat)
          ? look - (heardAt.get(seat) ?? -COUNTS_FOR) < COUNTS_FOR
          : heard.kind === 'silence';
        if (!fine) wrong.push(`tile-${seat}: ${inWords(heard)}`);
      }
      const missing = wanted.filter((seat) => !tiles.has(seat));
      expectNow(
        wrong.length === 0 && missing.length === 0,
        `${tiles.size} tiles; ${wrong.join('; ')}; missing: ${missing.join(', ')}`,
      );
    },
    { seconds },
  );
}
