/**
 * The page's media behind one small interface, so that what decides (`machine.ts`, `controller.ts`) is
 * tested without a browser. `BrowserPeer` is the real one: a single `RTCPeerConnection` whose sections
 * are laid out once, as the wire's `MediaPlan` says, and never renegotiated but for an ICE restart.
 */
import type { IceCredentials, MediaPlan, Seat } from '../wire/index.ts';
import { answerAhead } from './sdp.ts';
import { closeLook, know, quickLook, type CloseLook, type Known, type Look } from './stats.ts';

/** What the page sends; `null` sends nothing. */
export interface Outgoing {
  audio: MediaStreamTrack | null;
  camera: MediaStreamTrack | null;
  screen: MediaStreamTrack | null;
}

/** Something received: a seat's microphone or camera, or the shared screen. */
export type Incoming =
  | { kind: 'audio' | 'video'; seat: Seat; track: MediaStreamTrack }
  | { kind: 'screen'; track: MediaStreamTrack };

/** One peer connection. */
export interface Peer {
  /** Makes an offer, over a new path if asked, and gives its SDP. */
  offer(iceRestart: boolean): Promise<string>;
  /** Takes the answer to the last offer. */
  answer(sdp: string): Promise<void>;
  /** Restarts ICE without a word to the server, towards credentials that it held out ahead. */
  restart(credentials: IceCredentials): Promise<void>;
  /** Changes what is sent in a section; no negotiation. */
  send(kind: keyof Outgoing, track: MediaStreamTrack | null): Promise<void>;
  /** Whose voices have come over it in the last seconds. */
  voices(): Seat[];
  /** A quick look at the path; cheap enough for several a second. */
  look(): Promise<Look>;
  /** A look at everything: some milliseconds of work, for once a second. */
  lookClosely(): Promise<CloseLook>;
  close(): void;
}

/** Makes peers: the browser's in the product, a fake in tests. */
export type PeerFactory = (
  plan: MediaPlan,
  outgoing: Outgoing,
  onFailed: () => void,
) => {
  peer: Peer;
  incoming: Incoming[];
};

/**
 * The camera's layers, small to large. The smallest is a thumbnail for eight tiles at once; the largest
 * is the speaker's. Lower rates save the speaker's uplink, higher ones show more than a face needs.
 */
export const CAMERA_LAYERS: RTCRtpEncodingParameters[] = [
  { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_700_000 },
];

/** A shared screen: mostly still, but text must be sharp when it moves. */
export const SCREEN_BITRATE = 2_500_000;

/** The codecs to offer, best first: the offer stays small, and everyone can decode what is sent. */
export function preferred(kind: 'audio' | 'video', codecs: RTCRtpCodec[]): RTCRtpCodec[] {
  const order = kind === 'audio' ? ['audio/opus', 'audio/red'] : ['video/vp8', 'video/rtx'];
  return order.flatMap((type) => codecs.filter((codec) => codec.mimeType.toLowerCase() === type));
}

function prefer(transceiver: RTCRtpTransceiver, kind: 'audio' | 'video'): void {
  const codecs = preferred(kind, RTCRtpReceiver.getCapabilities(kind)?.codecs ?? []);
  if (codecs.length > 0) transceiver.setCodecPreferences(codecs);
}

/** The browser's own. */
export const browserPeer: PeerFactory = (plan, outgoing, onFailed) => {
  const pc = new RTCPeerConnection({
    bundlePolicy: 'max-bundle',
    rtcpMuxPolicy: 'require',
    // A relay is one way among others: the browser takes the straight one where there is one.
    iceServers: plan.ice_servers,
  });
  /**
   * Whether the handshake was ever over: its own packets prove no path. Some networks let them pass, and
   * nothing after them; on long ways they are so far apart that a path would be dead between them.
   */
  let shaken = false;
  let known: Known = { transport: null, pairs: [] };
  /** Firefox forgets what old paths brought once new ones are tried: that is no word of theirs. */
  let heard = 0;
  const proven = <L extends Look>(look: L): L => {
    if (!shaken) return { ...look, received: 0 };
    if (known.transport === null) heard = Math.max(heard, look.received);
    return known.transport === null ? { ...look, received: heard } : look;
  };
  pc.addEventListener('connectionstatechange', () => {
    shaken ||= pc.connectionState === 'connected';
    if (pc.connectionState === 'failed') onFailed();
  });

  const microphone = pc.addTransceiver(outgoing.audio ?? 'audio', { direction: 'sendonly' });
  prefer(microphone, 'audio');
  const camera = pc.addTransceiver(outgoing.camera ?? 'video', {
    direction: 'sendonly',
    sendEncodings: CAMERA_LAYERS.map((layer) => ({ ...layer })),
  });
  prefer(camera, 'video');
  const screen = pc.addTransceiver(outgoing.screen ?? 'video', {
    direction: 'sendonly',
    sendEncodings: [{ maxBitrate: SCREEN_BITRATE }],
  });
  prefer(screen, 'video');

  const incoming: Incoming[] = [];
  const ears: { seat: Seat; receiver: RTCRtpReceiver }[] = [];
  const receive = (kind: 'audio' | 'video') => {
    const transceiver = pc.addTransceiver(kind, { direction: 'recvonly' });
    prefer(transceiver, kind);
    return transceiver.receiver;
  };
  for (const seat of plan.slots) {
    const receiver = receive('audio');
    ears.push({ seat, receiver });
    incoming.push({ kind: 'audio', seat, track: receiver.track });
    incoming.push({ kind: 'video', seat, track: receive('video').track });
  }
  incoming.push({ kind: 'screen', track: receive('video').track });

  const senders = { audio: microphone.sender, camera: camera.sender, screen: screen.sender };
  /** The last answer that was applied: the server's, or our own for an ICE restart. */
  let applied = '';
  /** Ends the look that is waited for, one at a time: Firefox never answers it once the connection is closed. */
  let leave = () => {};
  const statistics = () =>
    new Promise<RTCStatsReport>((done, failed) => {
      leave = () => failed(new Error('closed'));
      pc.getStats().then(done, failed);
    });
  const apply = async (sdp: string) => {
    await pc.setRemoteDescription({ type: 'answer', sdp });
    applied = sdp;
  };
  const peer: Peer = {
    async offer(iceRestart) {
      const offer = await pc.createOffer({ iceRestart });
      await pc.setLocalDescription(offer);
      // The server is ICE-lite: it answers checks and needs none of our candidates, so nothing waits
      // for them to be gathered.
      return offer.sdp ?? '';
    },
    answer: apply,
    async restart(credentials) {
      // An offer that the server never answered is taken back, so that this one can be made.
      if (pc.signalingState === 'have-local-offer') await pc.setLocalDescription({ type: 'rollback' });
      await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
      await apply(answerAhead(applied, credentials));
    },
    async send(kind, track) {
      await senders[kind].replaceTrack(track);
    },
    // That a track is not muted says in some browsers that it was agreed upon, and not that anything came.
    voices: () =>
      ears.filter(({ receiver }) => receiver.getSynchronizationSources().length > 0).map(({ seat }) => seat),
    async look() {
      const reports = await statistics();
      const look = quickLook(reports, known);
      if (look.received > 0) return proven(look);
      known = know(reports);
      return proven(quickLook(reports, known));
    },
    async lookClosely() {
      const reports = await statistics();
      // New paths have new reports.
      known = know(reports);
      return proven(closeLook(reports));
    },
    close() {
      pc.close();
      leave();
    },
  };
  return { peer, incoming };
};
