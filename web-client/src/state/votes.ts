/** A vote as one person sees it. */
import type {
  Ballot,
  PersonalView,
  RoomView,
  Seat,
  VoteOption,
  VoteResult,
  VoteView,
} from '../wire/index.ts';
import { personAt, phaseIndex, speaks } from './derive.ts';

/** What a person can do about the vote that is open. */
export interface BallotCard {
  vote: VoteView;
  /** What they chose: an option's index, or nothing of it; `null` before they voted. */
  mine: number | 'abstain' | null;
  /** Whether this person votes at all. */
  votes: boolean;
  voted: number;
  total: number;
}

const chosenBy = (ballot: Ballot | undefined): BallotCard['mine'] =>
  ballot === undefined ? null : ballot.ballot === 'for' ? ballot.option : 'abstain';

export function ballotCard(room: RoomView, personal: PersonalView | null, seat: Seat): BallotCard | null {
  const vote = room.votes.open;
  if (!vote) return null;
  const me = personAt(room, seat);
  const counted = vote.voted.includes(seat) || vote.awaited.includes(seat);
  return {
    vote,
    mine: vote.voted.includes(seat) ? chosenBy(personal?.ballot) : null,
    votes: me !== undefined && speaks(me.role) && counted,
    voted: vote.voted.length,
    total: vote.voted.length + vote.awaited.length,
  };
}

/** How a vote ended. */
export interface ResultCard {
  result: VoteResult;
  rows: { option: VoteOption; ballots: number; share: number; chosen: boolean }[];
  abstained: number;
  /** Several came first: the facilitator chooses among them. */
  tied: VoteOption[];
  /** Nobody gave a ballot for anything. */
  empty: boolean;
}

/** The last vote's end, as long as its phase is on and no other is open. */
export function resultCard(room: RoomView): ResultCard | null {
  const result = room.votes.results.at(-1);
  if (!result || room.votes.open || result.phase !== phaseIndex(room)) return null;
  const most = Math.max(0, ...result.ballots);
  const rows = result.options.map((option, index) => {
    const ballots = result.ballots[index] ?? 0;
    return { option, ballots, share: most > 0 ? ballots / most : 0, chosen: result.chosen === index };
  });
  const tied =
    result.chosen === undefined && most > 0
      ? rows.filter(({ ballots }) => ballots === most).map(({ option }) => option)
      : [];
  return { result, rows, abstained: result.abstained, tied, empty: most === 0 };
}

/** The seats that came first together in the vote for a client, for whoever has to choose. */
export const tiedSeats = (room: RoomView): Seat[] =>
  (resultCard(room)?.tied ?? []).flatMap((option) => (option.option === 'person' ? [option.seat] : []));
