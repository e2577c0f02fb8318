/** The voice of the page for those who listen to it: two live regions, and nothing to see. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { moment, sayings, type Moment } from '../state/announce.ts';
import type { Session } from '../state/session.ts';
import { beat } from './clockwork.ts';

export function Announcer({ session }: { session: Session }) {
  void beat.value;
  const before = useRef<Moment | null>(null);
  const [urgent, setUrgent] = useState('');
  const [calm, setCalm] = useState('');
  const room = session.room.value;
  const now = room ? moment(room, session.seat.value, session.serverNow()) : null;
  useEffect(() => {
    if (!now) return;
    const said = sayings(before.current, now);
    before.current = now;
    const words = (loud: boolean) =>
      said
        .filter((saying) => saying.urgent === loud)
        .map((saying) => t(saying.id, saying.args))
        .join(' ');
    if (said.some((saying) => saying.urgent)) setUrgent(words(true));
    if (said.some((saying) => !saying.urgent)) setCalm(words(false));
  });
  return (
    <>
      <p class="sr" aria-live="assertive" data-testid="say-now">
        {urgent}
      </p>
      <p class="sr" aria-live="polite" data-testid="say">
        {calm}
      </p>
    </>
  );
}
