/**
 * A person's stay in a room: joins the signaling connection, the media and the devices, and holds what
 * the screen shows as signals. It decides nothing about the floor: the server does, and this follows.
 */
import { batch, computed, effect, signal, untracked } from '@preact/signals';
import { MediaController, NO_CONDITION, type Condition, type MediaMeans } from '../media/controller.ts';
import type { Choice, DeviceProblem } from '../media/devices.ts';
import { browserPeer, type Incoming } from '../media/peer.ts';
import { browserTunnel, canTunnel } from '../media/tunnel.ts';
import { Connection } from '../signaling/connection.ts';
import { isLongAway, type Phase } from '../signaling/machine.ts';
import type {
  Answer,
  Command,
  Event,
  Language,
  PersonalView,
  Refusal,
  RoomView,
  Seat,
  ServerMessage,
  ViewSize,
  Welcome,
} from '../wire/index.ts';
import { betterOffset, type Offset } from './clock.ts';
import { isStillHeard, personAt, rightsOf } from './derive.ts';
import { HEARTBEAT, saveVisit } from './memory.ts';
import { watchNetwork } from './network.ts';
import type { OutOfContract } from './banners.ts';
import { initialNotes, notesTransition, type Notes, type NotesInput } from './notes.ts';
import { OwnMedia } from './own.ts';
import { FLOOR_KEPT, plightOf, type Plight } from './plight.ts';
import { Reports } from './reports.ts';
import { noticeOf, reduce, withoutRecord, type Notice } from './room.ts';

/** How a person enters. */
export interface Entry {
  url: string;
  token: string;
  language: Language;
  choice: Choice;
  /** Open already, from the check before joining. */
  tracks: { audio: MediaStreamTrack | null; video: MediaStreamTrack | null };
  /** The person's switches; a device that is on without a track is opened on the way in. */
  muted: boolean;
  camera: boolean;
  /** When this browser was last in, in milliseconds since 1970: the page comes back by itself. */
  back?: number;
}

/** What media are made with in a browser. */
const BROWSER: MediaMeans = {
  peer: browserPeer,
  tunnel: browserTunnel,
  canTunnel,
  now: () => performance.now(),
};

/** A word that shows for a moment. */
export type Toast =
  | { id: number; kind: 'notice'; notice: Notice }
  | { id: number; kind: 'refused'; code: Refusal }
  /** Somebody asks the facilitator for help, in private. */
  | { id: number; kind: 'help'; seat: Seat; text: string }
  | { id: number; kind: 'said'; word: 'help-sent' | 'camera-later' }
  | { id: number; kind: 'device'; device: 'microphone' | 'camera' | 'screen'; problem: DeviceProblem };

type ToastWord = Toast extends infer T ? (T extends Toast ? Omit<T, 'id'> : never) : never;

const TOAST_LIFE = 7000;
/** A call for help stays until somebody can have read it. */
const HELP_LIFE = 30_000;
/** How often it is looked at what is to be told of the page's ways, in milliseconds. */
const WAYS_TICK = 250;
/** How often it is looked at whether notes are due. */
const NOTES_TICK = 300;

export class Session {
  readonly phase = signal<Phase>({ kind: 'idle' });
  readonly room = signal<RoomView | null>(null);
  readonly seat = signal<Seat>(0);
  readonly speaking = signal<ReadonlySet<Seat>>(new Set());
  readonly media = signal<Condition>(NO_CONDITION);
  /** Whether this machine has a network, as far as the browser knows. */
  readonly online = signal(navigator.onLine !== false);
  /** The person asked for voices alone. */
  readonly audioOnly = signal(false);
  /** The number to call, or what else the organiser wrote, when media cannot be had. */
  readonly telephone = signal('');
  /** Whether media ever flowed: from then on, their absence is a trouble and not a beginning. */
  readonly wasUp = signal(false);
  readonly incoming = signal<Incoming[]>([]);
  /** One's own microphone, camera and screen. */
  readonly own: OwnMedia;
  readonly toasts = signal<Toast[]>([]);
  /** Commands on their way, by name: their buttons show it. */
  readonly busy = signal<ReadonlySet<Command['do']>>(new Set());
  /** The browser refused to play sound without a gesture. */
  readonly needsGesture = signal(false);
  /** What this person alone is shown; nothing before the server said it. */
  readonly personal = signal<PersonalView | null>(null);
  readonly notes = signal<Notes>(initialNotes);
  /** The client's last « hors contrat ». */
  readonly signal = signal<OutOfContract | null>(null);
  /** Whether this person's voice is passed on now. */
  readonly heard = computed(() => {
    const room = this.room.value;
    return room !== null && !this.own.muted.value && rightsOf(room, this.seat.value).audio;
  });
  /** No pictures, either way: asked for, or all that the network carries. */
  readonly voiceOnly = computed(() => this.audioOnly.value || this.media.value.weak);

  #offset: Offset | null = null;
  /** How large each camera is shown, and what the server was told of it. */
  #views = new Map<Seat, ViewSize>();
  #toldViews = new Map<Seat, ViewSize>();
  /** The camera was on when pictures were given up: it comes back with them. */
  #cameraWaits = false;
  /** Since when either connection is not well, by the page's clock. */
  #troubledSince: number | null = null;
  /** The next whole welcome was asked for, by this person. */
  #asked = false;
  /** Whether the tunnel waits for a gesture. */
  #asleep = false;
  #toastId = 0;
  /** By the page's clock. */
  #signalingLostAt = 0;
  #first = true;
  #disposers: (() => void)[] = [];
  readonly #entry: Entry;
  readonly #connection: Connection;
  readonly #controller: MediaController;
  readonly #reports = new Reports((message) => this.#connection.say(message));

  constructor(entry: Entry, means: MediaMeans = BROWSER) {
    this.#entry = entry;
    this.own = new OwnMedia(entry.choice, {
      ask: (command) => this.ask(command),
      send: (kind, track) => this.#controller.send(kind, track),
      problem: (device, problem) => this.#toast({ kind: 'device', device, problem }),
      remember: () => this.#remember(),
      gone: () => this.phase.value.kind === 'closed',
    });
    this.own.muted.value = entry.muted;
    this.own.camera.value = entry.camera;
    this.#controller = new MediaController(means, {
      offer: (offer) => this.#connection.say({ type: 'media_offer', ...offer }),
      incoming: (tracks) => {
        this.incoming.value = tracks;
      },
      condition: (condition) => {
        this.media.value = condition;
        if (condition.carrier !== 'none') this.wasUp.value = true;
        if (condition.asleep !== this.#asleep) this.needsGesture.value = this.#asleep = condition.asleep;
      },
      tunnel: (on) => this.#connection.say({ type: 'tunnel', on }),
      frame: (frame) => this.#connection.frame(frame),
      recovered: (recovered) => this.#reports.recovered(recovered),
      silent: () => this.#connection.suspect(),
    });
    this.#connection = new Connection(
      entry.url,
      { token: entry.token, language: entry.language },
      {
        phase: (phase) => this.#phase(phase),
        welcome: (...come) => this.#welcome(...come),
        resumed: (missed, asleep) => {
          this.#readClock(performance.now(), missed.now);
          batch(() => missed.events.forEach((event) => this.#event(event)));
          if (missed.media_alive && this.media.value.carrier !== 'none') {
            const took = Math.round(performance.now() - this.#signalingLostAt);
            const cause = asleep ? 'suspended' : 'signaling_lost';
            this.#reports.recovered({ rung: 'resume', cause, took, gap: 0 });
          }
          this.#controller.resumed(missed, asleep);
          this.#connected();
        },
        message: (message) => this.#message(message),
        frame: (data) => this.#controller.frame(data),
        answered: (command, answer) => {
          this.#setBusy(command.do, false);
          if (command.do === 'set_notes') return this.#notesAnswered(answer);
          if (answer.result === 'refused') return this.#refused(command, answer.code);
          if (command.do === 'help') this.#toast({ kind: 'said', word: 'help-sent' });
        },
      },
    );
    if (entry.tracks.audio) this.own.useMicrophone(entry.tracks.audio);
    if (entry.tracks.video) this.own.useCamera(entry.tracks.video);

    this.#disposers.push(effect(() => this.own.setHeard(this.heard.value)));
    const heartbeat = setInterval(() => this.#remember(), HEARTBEAT);
    this.#disposers.push(() => clearInterval(heartbeat));
    this.#keepNotes();
    this.#keepWays();
    this.#connection.start();
    // Whoever comes back is in the room first; devices follow as the browser gives them.
    if (!entry.muted && !entry.tracks.audio) void this.own.openMicrophone();
    if (entry.camera && !entry.tracks.video) void this.own.openCamera();
  }

  /** The server's clock now. */
  serverNow(): number {
    return performance.timeOrigin + performance.now() + (this.#offset?.offset ?? 0);
  }

  /** Asks the room for something. */
  ask(command: Command): void {
    this.#setBusy(command.do, true);
    this.#connection.command(command);
  }

  /** Writes one's private notes; they are saved by themselves. */
  write(text: string): void {
    this.#notes({ type: 'typed', text, now: performance.now() });
  }

  async setCamera(on: boolean): Promise<void> {
    if (on && this.audioOnly.value) {
      this.#cameraWaits = true;
      return this.setAudioOnly(false);
    }
    if (this.voiceOnly.value) {
      // A weak network carries no picture now: the wish is kept.
      this.#cameraWaits = on;
      if (on) this.#toast({ kind: 'said', word: 'camera-later' });
      return;
    }
    await this.own.setCamera(on);
  }

  /** Gives pictures up, both ways, or takes them again. */
  setAudioOnly(on: boolean): void {
    this.audioOnly.value = on;
  }

  /** The person asks for a new connection: everything but their place is made anew. */
  reconnect(): void {
    this.#connection.suspect();
    this.#controller.step({ type: 'asked' });
  }

  language(language: Language): void {
    this.#asked = true;
    this.#connection.language(language);
  }

  /** How large each camera is shown; only changes are told. */
  views(sizes: Map<Seat, ViewSize>): void {
    for (const [seat, size] of sizes) this.#views.set(seat, size);
    this.#sayViews();
  }

  /** What is the matter with one's own connection, if something is. */
  plight(): Plight | null {
    const now = performance.now();
    const room = this.room.value;
    const heard = room !== null && !this.own.muted.value && now - this.#signalingLostAt < FLOOR_KEPT;
    return plightOf({
      phase: this.phase.value.kind,
      condition: this.media.value,
      online: this.online.value,
      asked: this.audioOnly.value,
      longAway: this.longAway(),
      heard: heard && isStillHeard(room, this.seat.value, this.serverNow()),
      troubledFor: this.#troubledSince === null ? 0 : now - this.#troubledSince,
    });
  }

  /** Whether the server has been away for so long that it is tried only now and then. */
  longAway(): boolean {
    return isLongAway(this.phase.value, performance.now());
  }

  /** Tries again now, and often. */
  comeBack(): void {
    this.#connection.suspect();
  }

  /** Takes the seat back from the page that took it, with the switches as they were. */
  takeBack(): void {
    saveVisit(this.#entry.token, {
      at: Date.now(),
      muted: this.own.muted.value,
      camera: this.own.camera.value,
    });
    location.reload();
  }

  leave(): void {
    saveVisit(this.#entry.token, { at: 0, muted: this.own.muted.value, camera: this.own.camera.value });
    this.#connection.leave();
    this.phase.value = { kind: 'closed', reason: 'left' };
    this.#stopMedia();
  }

  dismiss(id: number): void {
    this.toasts.value = this.toasts.value.filter((toast) => toast.id !== id);
  }

  dispose(): void {
    this.#connection.dispose();
    this.#stopMedia();
    for (const dispose of this.#disposers) dispose();
  }

  #phase(phase: Phase): void {
    this.phase.value = phase;
    if (phase.kind === 'waiting' || phase.kind === 'connecting') this.#signalingLostAt = phase.lostAt;
    if (phase.kind === 'waiting' || phase.kind === 'connecting') {
      this.#controller.step({ type: 'signaling_lost' });
    }
    if (phase.kind === 'closed') {
      if (phase.reason === 'session_ended') this.#forget();
      saveVisit(this.#entry.token, { at: 0, muted: this.own.muted.value, camera: this.own.camera.value });
      this.#stopMedia();
    }
  }

  #welcome(welcome: Welcome, again: boolean, mediaUntil: number): void {
    this.#readClock(performance.now(), welcome.now);
    const first = this.#first;
    this.#first = false;
    this.telephone.value = welcome.telephone ?? '';
    batch(() => {
      this.seat.value = welcome.seat;
      this.room.value = welcome.room;
    });
    const me = personAt(welcome.room, welcome.seat);
    if (me) {
      // A seat that was muted stays muted, whoever opens its link again and however.
      this.own.muted.value ||= me.muted;
      if (me.muted !== this.own.muted.value) this.ask({ do: 'set_muted', muted: this.own.muted.value });
      if (me.camera !== this.own.camera.value && !this.voiceOnly.value)
        this.ask({ do: 'set_camera', on: this.own.camera.value });
    }
    if (this.own.sharing.value && welcome.room.state.screen !== welcome.seat)
      this.ask({ do: 'set_screen', on: true });
    // After the end there are no media: an offer would be refused.
    if (welcome.room.phase.stage.stage !== 'ended') {
      const back = first ? this.#wayIn() : this.#asked ? { cause: 'asked' as const } : {};
      this.#controller.joined(welcome.media, again, { ...back, mediaUntil });
    }
    this.#asked = false;
    this.#connected();
    this.#remember();
  }

  /** What brought a page here that comes back by itself. */
  #wayIn(): { cause?: 'page_reloaded'; heardAt?: number } {
    const { back } = this.#entry;
    if (back === undefined) return {};
    return { cause: 'page_reloaded', heardAt: performance.now() - Math.max(0, Date.now() - back) };
  }

  /** The server knows nothing of this page's views and ways yet. */
  #connected(): void {
    this.#toldViews.clear();
    this.#sayViews();
    this.#reports.connected();
  }

  #message(message: ServerMessage): void {
    switch (message.type) {
      case 'event':
        return this.#event(message);
      case 'phases':
        if (this.room.value) this.room.value = { ...this.room.value, phases: message.phases };
        return;
      case 'personal': {
        const { type: _, ...personal } = message;
        return this.#personal(personal);
      }
      case 'speaking':
        this.speaking.value = new Set(message.seats);
        return;
      case 'pong':
        this.#readClock(message.at, message.now);
        return;
      case 'media_answer':
        return this.#controller.answered(message);
      case 'media_refused':
        return this.#controller.step({ type: 'refused', generation: message.generation });
      case 'media_lost':
        return this.#controller.step({ type: 'media_lost' });
      case 'next_ice':
        return this.#controller.nextIce(message);
      case 'tunnel':
        return this.#controller.step({ type: 'tunnel_said', on: message.on });
      case 'not_understood':
        console.warn('palabre: the server did not understand a message:', message.detail);
        return;
      default:
        return;
    }
  }

  #event(event: Event): void {
    const room = this.room.value;
    if (!room) return;
    this.room.value = reduce(room, event);
    if (event.event.part === 'phase' && event.event.stage.stage === 'ended')
      this.#controller.step({ type: 'over' });
    if (event.event.part === 'out_of_contract') {
      this.signal.value = { seat: event.event.seat, at: event.at };
    }
    const notice = noticeOf(event.event);
    if (notice) this.#toast({ kind: 'notice', notice });
    if (event.event.part === 'person' && event.event.seat === this.seat.value) {
      // A mute that came from elsewhere is kept; an unmute never is.
      if (event.event.muted && !this.busy.value.has('set_muted')) this.own.muted.value = true;
    }
    if (event.event.part === 'state' && this.own.sharing.value && !this.busy.value.has('set_screen')) {
      if (event.event.screen !== this.seat.value) this.own.stopScreen(false);
    }
  }

  #personal(personal: PersonalView): void {
    const known = this.personal.value?.chair?.help ?? null;
    this.personal.value = personal;
    this.#notes({ type: 'told', text: personal.notes });
    const last = known?.at(-1)?.at ?? 0;
    // The first view holds what is old; what comes after is news.
    for (const line of known ? (personal.chair?.help ?? []) : []) {
      if (line.at > last) this.#toast({ kind: 'help', seat: line.seat, text: line.text });
    }
  }

  #notes(input: NotesInput): void {
    const { notes, send } = notesTransition(this.notes.value, input);
    if (notes !== this.notes.value) this.notes.value = notes;
    if (send !== null) this.ask({ do: 'set_notes', text: send });
  }

  #notesAnswered(answer: Answer): void {
    const refused = answer.result === 'refused' && (answer.code === 'too_fast' ? 'later' : 'refused');
    this.#notes({ type: 'answered', answer: refused || 'done', now: performance.now() });
  }

  #keepNotes(): void {
    const connected = () => this.phase.value.kind === 'joined';
    const tick = setInterval(
      () => this.#notes({ type: 'tick', now: performance.now(), connected: connected() }),
      NOTES_TICK,
    );
    const leaving = () => {
      if (document.visibilityState === 'hidden') this.#notes({ type: 'leaving', connected: connected() });
    };
    document.addEventListener('visibilitychange', leaving);
    this.#disposers.push(() => {
      clearInterval(tick);
      document.removeEventListener('visibilitychange', leaving);
    });
  }

  /** Follows the network, and tells the server how the media travel. */
  #keepWays(): void {
    const now = () => performance.now();
    const unwatch = watchNetwork({
      online: (on) => (this.online.value = on),
      changed: () => {
        this.#connection.suspect();
        this.#controller.networkChanged();
      },
      woke: () => {
        this.#connection.suspect();
        this.#controller.networkChanged();
      },
    });
    const tick = setInterval(() => {
      const { carrier } = this.media.value;
      this.#reports.path({ rung: carrier, audio_only: this.voiceOnly.value }, now());
      this.#reports.estimate(this.#controller.estimate());
      if (this.phase.value.kind === 'joined') this.#reports.tell(now());
    }, WAYS_TICK);
    // A page that is closed, or loaded again, knows to the moment when it was last in.
    const hide = () => this.#remember();
    window.addEventListener('pagehide', hide);
    this.#disposers.push(
      unwatch,
      () => clearInterval(tick),
      () => window.removeEventListener('pagehide', hide),
      effect(() => {
        const well = this.phase.value.kind === 'joined' && this.media.value.carrier !== 'none';
        if (well) this.#troubledSince = null;
        else this.#troubledSince ??= now();
      }),
      effect(() => {
        const only = this.voiceOnly.value;
        untracked(() => this.#followVoiceOnly(only));
      }),
      effect(() => {
        const room = this.room.value;
        const weighty = room?.floor.turn?.seat === this.seat.value || room?.state.chair === this.seat.value;
        this.#connection.priority(weighty ? 'first' : 'ordinary');
      }),
    );
  }

  /** Pictures go and come with the voice-only mode; the camera only if it was on. */
  #followVoiceOnly(only: boolean): void {
    this.#sayViews();
    if (only) {
      if (!this.own.camera.value) return;
      this.#cameraWaits = true;
      void this.own.setCamera(false);
    } else if (this.#cameraWaits) {
      this.#cameraWaits = false;
      void this.own.setCamera(true);
    }
  }

  /** The room is no more on the server, and what was written in it is no more on this page. */
  #forget(): void {
    const room = this.room.value;
    batch(() => {
      this.room.value = room && withoutRecord(room);
      this.personal.value = null;
      this.notes.value = initialNotes;
    });
  }

  #refused(command: Command, code: Refusal): void {
    if (command.do === 'set_screen' && command.on) this.own.stopScreen(false);
    // What was asked for is so already: the person sees it, there is nothing to say.
    if (code === 'no_change' || code === 'already_asked' || code === 'nothing_to_cancel') return;
    this.#toast({ kind: 'refused', code });
  }

  #stopMedia(): void {
    this.#controller.dispose();
    this.own.stop();
  }

  /** Tells the server what changed of the sizes in which cameras are shown. */
  #sayViews(): void {
    const only = this.voiceOnly.value;
    const changed = [...this.#views]
      .map(([seat, size]): [Seat, ViewSize] => [seat, only ? 'hidden' : size])
      .filter(([seat, size]) => this.#toldViews.get(seat) !== size);
    if (changed.length === 0) return;
    for (const [seat, size] of changed) this.#toldViews.set(seat, size);
    this.#connection.say({ type: 'view', seats: changed.map(([seat, size]) => ({ seat, size })) });
  }

  #readClock(sentAt: number, server: number): void {
    const now = performance.timeOrigin + performance.now();
    this.#offset = betterOffset(this.#offset, performance.timeOrigin + sentAt, server, now);
  }

  #setBusy(name: Command['do'], on: boolean): void {
    if (this.busy.value.has(name) === on) return;
    const busy = new Set(this.busy.value);
    if (on) busy.add(name);
    else busy.delete(name);
    this.busy.value = busy;
  }

  #toast(toast: ToastWord): void {
    const id = ++this.#toastId;
    this.toasts.value = [...this.toasts.value, { ...toast, id } as Toast].slice(-4);
    setTimeout(() => this.dismiss(id), toast.kind === 'help' ? HELP_LIFE : TOAST_LIFE);
  }

  #remember(): void {
    if (this.phase.value.kind === 'closed' || this.#first) return;
    saveVisit(this.#entry.token, {
      at: Date.now(),
      muted: this.own.muted.value,
      camera: this.own.camera.value,
    });
  }
}
