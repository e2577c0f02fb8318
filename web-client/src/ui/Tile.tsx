/** A person: their circle, their name, and what they are doing. */
import { useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { formatClock, wholeSeconds } from '../state/clock.ts';
import { canBeGiven, given, givesFloor, initials } from '../state/derive.ts';
import type { Place } from '../state/layout.ts';
import type { Session } from '../state/session.ts';
import type { PersonView } from '../wire/index.ts';
import { beat } from './clockwork.ts';
import { Icon } from './Icon.tsx';
import { Media } from './Media.tsx';
import { TurnRing, TurnClock } from './Turn.tsx';

interface Props {
  session: Session;
  person: PersonView;
  place: Place | undefined;
  /** Whether this screen may give the floor. */
  chair: boolean;
  /** Set aside: in another group, or around the circle. */
  aside: 'no' | 'apart' | 'around';
  /** The place among the hands, from 1. */
  hand: number | null;
}

export function Tile({ session, person, place, chair, aside, hand }: Props) {
  const [picture, setPicture] = useState(false);
  const room = session.room.value;
  if (!room) return null;
  const own = person.seat === session.seat.value;
  const speaking = session.speaking.value.has(person.seat);
  const { turn } = room.floor;
  const holds = turn?.seat === person.seat;
  const tracks = session.incoming.value.filter(
    (track) => track.kind !== 'screen' && track.seat === person.seat,
  );
  const video = own ? session.own.video.value : tracks.find((track) => track.kind === 'video')?.track;
  // Two for a moment, while one connection takes over from another.
  const voices = own ? [] : tracks.filter((track) => track.kind === 'audio');
  // In a drill one person plays the part of whoever is lost: nothing of theirs is really gone.
  const { drill } = room.state;
  if (drill) void beat.value;
  const played = drill?.seat === person.seat && session.serverNow() < drill.back_at;
  const here = person.presence.presence === 'here';
  // With voices alone nothing moves: a monogram is truer than a face that stands still.
  const moves = person.camera && here && picture && !session.voiceOnly.value && video !== undefined;
  const shows = own ? session.own.video.value !== null : moves;
  const muted = own ? session.own.muted.value : person.muted;
  const done = given(room, person.seat);
  const grantable = chair && !holds && canBeGiven(person) && givesFloor(room);

  return (
    <article
      class="tile"
      data-testid={`tile-${person.seat}`}
      data-name={person.name}
      data-speaking={speaking}
      data-own={own}
      data-holds={holds}
      data-stage={place?.stage ?? false}
      data-presence={played ? 'away' : person.presence.presence}
      data-drill={played}
      data-aside={aside}
      data-small={place !== undefined && place.d < 100}
      data-role={place?.role ?? true}
      aria-label={person.name}
      style={
        place && {
          '--x': `${place.x}px`,
          '--y': `${place.y}px`,
          '--d': `${place.d}px`,
          '--label': `${place.label}px`,
        }
      }
      hidden={!place}
    >
      <div class="face">
        <span class="monogram" data-hue={person.seat % 6} aria-hidden="true">
          {initials(person.name)}
        </span>
        {video && (
          <Media kind="video" track={video} muted class={shows ? 'shows' : ''} onPicture={setPicture} />
        )}
        {voices.map(({ track }) => (
          <Media
            key={track.id}
            kind="audio"
            track={track}
            onRefused={() => (session.needsGesture.value = true)}
          />
        ))}
      </div>
      {holds && turn && <TurnRing session={session} turn={turn} d={place?.d ?? 0} />}
      {muted && here && (
        <span class="badge muted" title={t('tile-muted')}>
          <Icon name="micOff" />
          <span class="sr">{t('tile-muted')}</span>
        </span>
      )}
      {hand !== null && (
        <span class="badge raised" title={t('tile-hand', { place: hand })}>
          <Icon name="hand" />
          <b>{hand}</b>
        </span>
      )}
      {done && (
        <span class="badge given" data-given={done} title={t(`tile-${done}`)}>
          <Icon name="check" />
          <span class="sr">{t(`tile-${done}`)}</span>
        </span>
      )}
      {grantable && (
        <button
          class="give"
          data-testid={`grant-${person.seat}`}
          aria-label={t('give-to', { name: person.name })}
          title={t('give-to', { name: person.name })}
          onClick={() => session.ask({ do: 'grant_floor', seat: person.seat })}
        >
          <Icon name="give" />
        </button>
      )}
      <div class="label">
        <strong>{own ? t('tile-you', { name: person.name }) : person.name}</strong>
        {played ? (
          <span class="role away">{t('drill-word')}</span>
        ) : (
          <Doing session={session} person={person} />
        )}
        {holds && turn && <TurnClock session={session} turn={turn} />}
      </div>
    </article>
  );
}

/** The line under the name: the role, or why somebody is not here. */
function Doing({ session, person }: { session: Session; person: PersonView }) {
  const { presence } = person;
  if (presence.presence === 'here') {
    return (
      <span class="role">
        {person.chair && person.role !== 'facilitator'
          ? t('role-chair')
          : t(person.expert ? 'role-expert' : `role-${person.role}`)}
      </span>
    );
  }
  if (presence.presence !== 'away')
    return <span class="role absent">{t(`presence-${presence.presence}`)}</span>;
  return (
    <span class="role away">
      {presence.held_until === undefined ? (
        t('presence-away')
      ) : (
        <HeldPlace session={session} until={presence.held_until} />
      )}
    </span>
  );
}

function HeldPlace({ session, until }: { session: Session; until: number }) {
  void beat.value;
  const left = Math.max(0, until - session.serverNow());
  return (
    <span data-seconds={wholeSeconds(left)}>{t('presence-away-held', { clock: formatClock(left) })}</span>
  );
}
