/** The vote: a card to answer, who has voted, and how it ended. */
import { useEffect, useState } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { clientOf, nameAt } from '../state/derive.ts';
import type { Session } from '../state/session.ts';
import { ballotCard, resultCard, type BallotCard, type ResultCard } from '../state/votes.ts';
import type { RoomView, VoteAbout, VoteOption } from '../wire/index.ts';
import { Countdown } from './Countdown.tsx';
import { Icon } from './Icon.tsx';
import { list } from './words.ts';

/** A result that needs nothing more is shown this long. */
const RESULT_LIFE = 20_000;

export function Vote({ session }: { session: Session }) {
  const room = session.room.value;
  if (!room) return null;
  const card = ballotCard(room, session.personal.value, session.seat.value);
  if (card) return <Card session={session} room={room} card={card} />;
  const result = resultCard(room);
  return result ? (
    <Result key={room.votes.results.length} session={session} room={room} result={result} />
  ) : null;
}

/** What is asked. */
function question(room: RoomView, about: VoteAbout, phase: number): string {
  return about === 'question' ? (room.phases[phase]?.vote?.question ?? '') : t(`vote-${about}`);
}

/** An option in words. */
function words(room: RoomView, option: VoteOption, phase: number): string {
  switch (option.option) {
    case 'person':
      return nameAt(room, option.seat);
    case 'answer':
      return room.phases[phase]?.vote?.answers[option.index] ?? '';
    default:
      return t(`vote-${option.option}`);
  }
}

/** What a candidate wrote about their subject, if they did. */
const subjectOf = (room: RoomView, option: VoteOption): string | undefined => {
  if (option.option !== 'person') return undefined;
  const entry = room.entries.findLast(({ seat, entry }) => seat === option.seat && entry.kind === 'subject');
  return entry?.entry.kind === 'subject' ? entry.entry.text : undefined;
};

function Card({ session, room, card }: { session: Session; room: RoomView; card: BallotCard }) {
  const { vote, mine, votes, voted, total } = card;
  const busy = session.busy.value.has('cast_ballot');
  const awaited = vote.awaited.map((seat) => nameAt(room, seat));
  return (
    <section class="card vote" data-testid="vote" aria-labelledby="vote-title">
      <header>
        <h2 id="vote-title">{question(room, vote.about, vote.phase)}</h2>
        {vote.closes_at !== undefined && (
          <Countdown session={session} until={vote.closes_at} testid="vote-clock" label={t('vote-left')} />
        )}
      </header>
      <div class="ballots" role="group" aria-labelledby="vote-title" aria-busy={busy}>
        {vote.options.map((option, index) => {
          const subject = subjectOf(room, option);
          return (
            <button
              key={index}
              class="ballot"
              data-testid={`ballot-${index}`}
              aria-pressed={mine === index}
              disabled={!votes}
              onClick={() => session.ask({ do: 'cast_ballot', ballot: { ballot: 'for', option: index } })}
            >
              <Icon name={mine === index ? 'done' : 'circle'} />
              <span>
                <strong>{words(room, option, vote.phase)}</strong>
                {subject && <small>{subject}</small>}
              </span>
            </button>
          );
        })}
      </div>
      <footer>
        <p>
          <Icon name="secret" /> {t(mine === null ? 'vote-secret' : 'vote-change')}
        </p>
        <p data-testid="vote-count">
          {t('vote-count', { voted, total })}
          {awaited.length > 0 && awaited.length <= 3 && voted > 0
            ? ` ${t('vote-awaits', { names: list(awaited) })}`
            : ''}
        </p>
        <div class="card-actions">
          {votes && (
            <button
              class="pill small"
              data-testid="ballot-abstain"
              aria-pressed={mine === 'abstain'}
              onClick={() => session.ask({ do: 'cast_ballot', ballot: { ballot: 'abstain' } })}
            >
              {mine === 'abstain' && <Icon name="check" />}
              {t('vote-abstain')}
            </button>
          )}
        </div>
      </footer>
    </section>
  );
}

function Result({ session, room, result }: { session: Session; room: RoomView; result: ResultCard }) {
  const [shown, setShown] = useState(true);
  const { about, phase } = result.result;
  // A tie stays until somebody has chosen.
  const open = about === 'client' && result.result.chosen === undefined && clientOf(room) === undefined;
  useEffect(() => {
    const timer = setTimeout(() => setShown(false), RESULT_LIFE);
    return () => clearTimeout(timer);
  }, []);
  if (!shown && !open) return null;
  const chair = room.state.chair === session.seat.value;
  const chosen = result.rows.find((row) => row.chosen);
  const tied = result.tied.map((option) => words(room, option, phase));
  const sentence = chosen
    ? t(`result-${about}`, { choice: words(room, chosen.option, phase) })
    : result.empty
      ? t('result-empty')
      : t('result-tied', { names: list(tied) });
  return (
    <section class="card result" data-testid="vote-result" aria-labelledby="result-title">
      <header>
        <h2 id="result-title">{sentence}</h2>
        {!open && (
          <button class="round quiet" aria-label={t('close')} onClick={() => setShown(false)}>
            <Icon name="close" />
          </button>
        )}
      </header>
      <ul class="tallies">
        {result.rows.map((row, index) => (
          <li key={index} data-chosen={row.chosen}>
            <span>{words(room, row.option, phase)}</span>
            <i aria-hidden="true" style={{ '--share': row.share }} />
            <b>{row.ballots}</b>
          </li>
        ))}
      </ul>
      {result.abstained > 0 && <p class="fine">{t('result-abstained', { count: result.abstained })}</p>}
      {open && !chair && room.state.chair !== undefined && (
        <p class="fine">{t('result-chair-chooses', { name: nameAt(room, room.state.chair) })}</p>
      )}
      {open && chair && result.tied.length > 0 && (
        <div class="card-actions" data-testid="choose-tied">
          {result.tied.map(
            (option) =>
              option.option === 'person' && (
                <button
                  key={option.seat}
                  class="pill small ink"
                  data-testid={`choose-${option.seat}`}
                  onClick={() => session.ask({ do: 'name_client', seat: option.seat })}
                >
                  {t('result-choose', { name: nameAt(room, option.seat) })}
                </button>
              ),
          )}
        </div>
      )}
    </section>
  );
}
