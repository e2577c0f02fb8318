/** The circle: everyone in their place, the speaker in the middle. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { onStage, personAt, setAside } from '../state/derive.ts';
import { layout, viewSize } from '../state/layout.ts';
import type { Session } from '../state/session.ts';
import type { Seat, ViewSize } from '../wire/index.ts';
import { Media } from './Media.tsx';
import { Tile } from './Tile.tsx';

/** A page out of sight for so long asks for no picture; sound goes on. */
const HIDDEN_AFTER = 30_000;

/** Below this there is no room for faces: what is written above has the screen, and sound goes on. */
const LEAST_HEIGHT = 128;

function useSize() {
  const element = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return { element, size };
}

function useOutOfSight(): boolean {
  const [out, setOut] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      clearTimeout(timer);
      if (document.visibilityState === 'visible') setOut(false);
      else timer = setTimeout(() => setOut(true), HIDDEN_AFTER);
    };
    document.addEventListener('visibilitychange', look);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, []);
  return out;
}

export function Stage({ session }: { session: Session }) {
  const { element, size } = useSize();
  const outOfSight = useOutOfSight();
  const room = session.room.value;
  const seat = session.seat.value;
  const people = room?.people ?? [];
  const stage = room ? onStage(room).filter((on) => personAt(room, on)) : [];
  const sharer = room?.state.screen;
  const aside = room ? setAside(room, seat) : [];
  // Another breakout is neither heard nor seen; who sits around a circle is.
  const apart = new Set(room && room.floor.groups.length > 0 ? aside.flat() : []);
  const arranged = useMemo(
    () =>
      size.width > 0 && size.height >= LEAST_HEIGHT
        ? layout({
            ...size,
            seats: people.map((person) => person.seat),
            stage,
            screen: sharer !== undefined,
            aside,
          })
        : null,
    [
      size.width,
      size.height,
      people.map((person) => person.seat).join(),
      stage.join(),
      sharer,
      JSON.stringify(aside),
    ],
  );

  useEffect(() => {
    if (!arranged) return;
    const sizes = new Map<Seat, ViewSize>();
    for (const person of people) {
      if (person.seat === seat) continue;
      const place = arranged.places.get(person.seat);
      const hidden = outOfSight || apart.has(person.seat);
      sizes.set(person.seat, hidden ? 'hidden' : viewSize(place, window.devicePixelRatio));
    }
    session.views(sizes);
  }, [arranged, outOfSight, seat]);

  if (!room) return <main class="stage" ref={element} />;
  const chair = room.state.chair === seat;
  const screenTrack =
    sharer === seat
      ? session.own.screen.value
      : session.incoming.value.find((track) => track.kind === 'screen')?.track;
  return (
    <main class="stage" ref={element}>
      {arranged && (
        <div
          class="rings"
          aria-hidden="true"
          style={{ '--cx': `${arranged.centre.x}px`, '--cy': `${arranged.centre.y}px` }}
        />
      )}
      {sharer !== undefined && arranged?.screen && screenTrack && (
        <figure
          class="shared"
          data-testid="shared-screen"
          style={{
            left: `${arranged.screen.x}px`,
            top: `${arranged.screen.y}px`,
            width: `${arranged.screen.width}px`,
            height: `${arranged.screen.height}px`,
          }}
        >
          <Media kind="video" track={screenTrack} muted />
          <figcaption>
            {sharer === seat
              ? t('screen-mine')
              : t('screen-theirs', { name: personAt(room, sharer)?.name ?? '' })}
          </figcaption>
        </figure>
      )}
      {people.map((person) => {
        const hand = room.floor.hands.findIndex((raised) => raised.seat === person.seat);
        return (
          <Tile
            key={person.seat}
            session={session}
            person={person}
            place={arranged?.places.get(person.seat)}
            chair={chair}
            aside={
              apart.has(person.seat)
                ? 'apart'
                : aside.some((group) => group.includes(person.seat))
                  ? 'around'
                  : 'no'
            }
            hand={hand >= 0 ? hand + 1 : null}
          />
        );
      })}
    </main>
  );
}
