/** What the page reads of the browser's statistics, and how it reads them cheaply. */

/** How the media travel: straight, over TCP, or by a relay. */
export type Via = 'udp' | 'tcp' | 'turn';

/** One look at a peer connection. */
export interface Look {
  /**
   * What came in on the path that the browser sends on, in whatever unit it counts; only its change
   * matters. Where the browser has no such path it is all that came in, or when something last did.
   */
  received: number;
  via: Via;
}

/** A closer look, at what the network can carry. */
export interface CloseLook extends Look {
  /** What the browser believes it can send, in bit/s; unknown in some browsers. */
  outgoing: number | null;
  /** Packets of sound, in all. */
  sound: { received: number; lost: number };
}

type Report = Record<string, unknown>;

const number = (report: Report | undefined, key: string): number =>
  typeof report?.[key] === 'number' ? report[key] : 0;

/** The reports that a quick look needs: read by their ids, for a whole list has hundreds. */
export interface Known {
  /** The transport's id, where the browser has such reports. */
  transport: string | null;
  /** The candidate pairs' ids, where it has not. */
  pairs: string[];
}

/** A report list as browsers give it. */
export interface Reports {
  get(id: string): unknown;
  values(): Iterable<unknown>;
}

/** Which reports tell of the path. */
export function know(reports: Reports): Known {
  const all = [...reports.values()] as Report[];
  const transport = all.find(({ type }) => type === 'transport');
  const counts = number(transport, 'packetsReceived') + number(transport, 'bytesReceived') > 0;
  return {
    transport: transport && counts ? String(transport['id']) : null,
    pairs: all.filter(({ type }) => type === 'candidate-pair').map(({ id }) => String(id)),
  };
}

/** A quick look at what is known. */
export function quickLook(reports: Reports, known: Known): Look {
  const get = (id: unknown) => (typeof id === 'string' ? (reports.get(id) as Report | undefined) : undefined);
  const transport = get(known.transport);
  const pairs = transport ? [] : known.pairs.map(get);
  const count = (report: Report | undefined) =>
    number(report, 'packetsReceived') || number(report, 'bytesReceived');
  // Firefox chooses a pair only after the first packets came on it: what brought the last one is the way.
  const heardAt = pairs.map((pair) => number(pair, 'lastPacketReceivedTimestamp'));
  const last = Math.max(0, ...heardAt);
  const selected =
    get(transport?.['selectedCandidatePairId']) ??
    (last > 0 ? pairs[heardAt.indexOf(last)] : undefined) ??
    pairs.find((pair) => pair?.['selected'] === true) ??
    pairs.find((pair) => pair?.['nominated'] === true && pair['state'] === 'succeeded');
  // Where UDP is blocked the server may find the way over TCP while Chromium sends into the dead pair for
  // seconds more: what comes elsewhere is no sign that anything of ours arrives.
  const chosen = transport && selected ? count(selected) : 0;
  const all = transport ? count(transport) : last || pairs.reduce((sum, pair) => sum + count(pair), 0);
  return {
    received: chosen > 0 ? chosen : all,
    via: viaOf(get(selected?.['localCandidateId']), get(selected?.['remoteCandidateId'])),
  };
}

function viaOf(local: Report | undefined, remote: Report | undefined): Via {
  // Behind one more router the relay's own address is known by its answers alone (`prflx`).
  if (local?.['candidateType'] === 'relay' || local?.['relayProtocol'] !== undefined) return 'turn';
  return [local, remote].some((candidate) => String(candidate?.['protocol']).toLowerCase() === 'tcp')
    ? 'tcp'
    : 'udp';
}

/** A look at everything. */
export function closeLook(reports: Reports): CloseLook {
  const all = [...reports.values()] as Report[];
  const sound = all.filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio');
  const estimates = all.flatMap(({ type, availableOutgoingBitrate: rate }) =>
    type === 'candidate-pair' && typeof rate === 'number' && rate > 0 ? [rate] : [],
  );
  return {
    ...quickLook(reports, know(reports)),
    outgoing: estimates.length > 0 ? Math.max(...estimates) : null,
    sound: {
      received: sound.reduce((sum, report) => sum + number(report, 'packetsReceived'), 0),
      lost: sound.reduce((sum, report) => sum + number(report, 'packetsLost'), 0),
    },
  };
}
