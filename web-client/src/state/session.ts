/**
 * A person's stay in a room: joins the signaling connection, the media and the devices, and holds what
 * the screen shows as signals. It decides nothing about the floor: the server does, and this follows.
 */
import { batch, computed, effect, signal } from '@preact/signals';
import { MediaController } from '../media/controller.ts';
import {
  openCamera,
  openMicrophone,
  openScreen,
  problemOf,
  type Choice,
  type DeviceProblem,
} from '../media/devices.ts';
import type { Stage as MediaStage } from '../media/machine.ts';
import { browserPeer, type Incoming, type PeerFactory } from '../media/peer.ts';
import { Connection } from '../signaling/connection.ts';
import type { Phase } from '../signaling/machine.ts';
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
import { personAt, rightsOf } from './derive.ts';
import { HEARTBEAT, saveVisit } from './memory.ts';
import type { OutOfContract } from './banners.ts';
import { initialNotes, notesTransition, type Notes, type NotesInput } from './notes.ts';
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
}

/** A word that shows for a moment. */
export type Toast =
  | { id: number; kind: 'notice'; notice: Notice }
  | { id: number; kind: 'refused'; code: Refusal }
  /** Somebody asks the facilitator for help, in private. */
  | { id: number; kind: 'help'; seat: Seat; text: string }
  | { id: number; kind: 'said'; word: 'help-sent' }
  | { id: number; kind: 'device'; device: 'microphone' | 'camera' | 'screen'; problem: DeviceProblem };

type ToastWord = Toast extends infer T ? (T extends Toast ? Omit<T, 'id'> : never) : never;

const TOAST_LIFE = 7000;
/** A call for help stays until somebody can have read it. */
const HELP_LIFE = 30_000;
/** How often it is looked at whether notes are due. */
const NOTES_TICK = 300;

export class Session {
  readonly phase = signal<Phase>({ kind: 'idle' });
  readonly room = signal<RoomView | null>(null);
  readonly seat = signal<Seat>(0);
  readonly speaking = signal<ReadonlySet<Seat>>(new Set());
  readonly media = signal<MediaStage>({ at: 'off' });
  /** Whether media ever flowed: from then on, their absence is a trouble and not a beginning. */
  readonly wasUp = signal(false);
  readonly incoming = signal<Incoming[]>([]);
  readonly muted = signal(true);
  readonly camera = signal(false);
  readonly sharing = signal(false);
  readonly ownVideo = signal<MediaStreamTrack | null>(null);
  readonly ownScreen = signal<MediaStreamTrack | null>(null);
  readonly microphone = signal<MediaStreamTrack | null>(null);
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
  readonly choice: { value: Choice };
  /** Whether this person's voice is passed on now. */
  readonly heard = computed(() => {
    const room = this.room.value;
    return room !== null && !this.muted.value && rightsOf(room, this.seat.value).audio;
  });

  #offset: Offset | null = null;
  #sentTrack: MediaStreamTrack | null = null;
  #views = new Map<Seat, ViewSize>();
  #toastId = 0;
  #first = true;
  #disposers: (() => void)[] = [];
  readonly #entry: Entry;
  readonly #connection: Connection;
  readonly #controller: MediaController;

  constructor(entry: Entry, factory: PeerFactory = browserPeer) {
    this.#entry = entry;
    this.choice = signal(entry.choice);
    this.muted.value = entry.muted;
    this.camera.value = entry.camera;
    this.#controller = new MediaController(factory, {
      offer: (offer) => this.#connection.say({ type: 'media_offer', ...offer }),
      incoming: (tracks) => {
        this.incoming.value = tracks;
      },
      stage: (stage) => {
        this.media.value = stage;
        if (stage.at === 'up') this.wasUp.value = true;
      },
    });
    this.#connection = new Connection(
      entry.url,
      { token: entry.token, language: entry.language },
      {
        phase: (phase) => this.#phase(phase),
        welcome: (welcome, again) => this.#welcome(welcome, again),
        resumed: (missed) => {
          this.#readClock(performance.now(), missed.now);
          batch(() => missed.events.forEach((event) => this.#event(event)));
          this.#controller.resumed(missed.media_alive);
          this.#sayViews([...this.#views]);
        },
        message: (message) => this.#message(message),
        answered: (command, answer) => {
          this.#setBusy(command.do, false);
          if (command.do === 'set_notes') return this.#notesAnswered(answer);
          if (answer.result === 'refused') return this.#refused(command, answer.code);
          if (command.do === 'help') this.#toast({ kind: 'said', word: 'help-sent' });
        },
      },
    );
    if (entry.tracks.audio) this.#useMicrophone(entry.tracks.audio);
    if (entry.tracks.video) this.#useCamera(entry.tracks.video);

    // The microphone is open to the network only while it is heard: a seat without the floor sends
    // silence, whatever the server would do with its voice.
    this.#disposers.push(
      effect(() => {
        const heard = this.heard.value;
        const raw = this.microphone.value;
        if (raw) raw.enabled = !this.muted.value;
        if (this.#sentTrack) this.#sentTrack.enabled = heard;
      }),
    );
    const heartbeat = setInterval(() => this.#remember(), HEARTBEAT);
    this.#disposers.push(() => clearInterval(heartbeat));
    this.#keepNotes();
    this.#connection.start();
    // Whoever comes back is in the room first; devices follow as the browser gives them.
    if (!entry.muted && !entry.tracks.audio) void this.#openMicrophone();
    if (entry.camera && !entry.tracks.video) void this.#openCamera();
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

  async setMuted(muted: boolean): Promise<void> {
    if (!muted && !this.microphone.value && !(await this.#openMicrophone())) return;
    this.muted.value = muted;
    this.ask({ do: 'set_muted', muted });
    this.#remember();
  }

  async setCamera(on: boolean): Promise<void> {
    if (on && !this.ownVideo.value && !(await this.#openCamera())) return;
    if (!on) {
      // Stopped, not paused: the camera's light goes out.
      this.ownVideo.value?.stop();
      this.ownVideo.value = null;
      await this.#controller.send('camera', null);
    }
    this.camera.value = on;
    this.ask({ do: 'set_camera', on });
    this.#remember();
  }

  async setScreen(on: boolean): Promise<void> {
    if (!on) return this.#stopScreen(true);
    try {
      const track = await openScreen();
      track.onended = () => this.#stopScreen(true);
      this.ownScreen.value = track;
      this.sharing.value = true;
      await this.#controller.send('screen', track);
      this.ask({ do: 'set_screen', on: true });
    } catch (error) {
      // Closing the browser's own chooser is an answer, not a fault.
      if (problemOf(error) !== 'denied')
        this.#toast({ kind: 'device', device: 'screen', problem: problemOf(error) });
    }
  }

  /** Changes a device while in the room. */
  async useDevices(choice: Choice): Promise<void> {
    const before = this.choice.value;
    this.choice.value = choice;
    if (choice.microphone !== before.microphone && this.microphone.value) await this.#openMicrophone();
    if (choice.camera !== before.camera && this.ownVideo.value) await this.#openCamera();
  }

  language(language: Language): void {
    this.#connection.language(language);
  }

  /** How large each camera is shown; only changes are told. */
  views(sizes: Map<Seat, ViewSize>): void {
    const changed = [...sizes].filter(([seat, size]) => this.#views.get(seat) !== size);
    if (changed.length === 0) return;
    for (const [seat, size] of changed) this.#views.set(seat, size);
    this.#sayViews(changed);
  }

  /** Comes back after the page gave up, or after another page took the seat. */
  comeBack(): void {
    this.#connection.start();
  }

  leave(): void {
    saveVisit(this.#entry.token, { at: 0, muted: this.muted.value, camera: this.camera.value });
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
    if (phase.kind === 'waiting' || phase.kind === 'stopped' || phase.kind === 'connecting') {
      this.#controller.signalingLost();
    }
    if (phase.kind === 'closed') {
      if (phase.reason === 'session_ended') this.#forget();
      saveVisit(this.#entry.token, { at: 0, muted: this.muted.value, camera: this.camera.value });
      this.#stopMedia();
    }
  }

  #welcome(welcome: Welcome, again: boolean): void {
    this.#readClock(performance.now(), welcome.now);
    this.#first = false;
    batch(() => {
      this.seat.value = welcome.seat;
      this.room.value = welcome.room;
    });
    const me = personAt(welcome.room, welcome.seat);
    if (me) {
      // A seat that was muted stays muted, whoever opens its link again and however.
      this.muted.value ||= me.muted;
      if (me.muted !== this.muted.value) this.ask({ do: 'set_muted', muted: this.muted.value });
      if (me.camera !== this.camera.value) this.ask({ do: 'set_camera', on: this.camera.value });
    }
    if (this.sharing.value && welcome.room.state.screen !== welcome.seat)
      this.ask({ do: 'set_screen', on: true });
    this.#controller.joined(welcome.media, again);
    this.#sayViews([...this.#views]);
    this.#remember();
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
        return this.#controller.refused(message.generation);
      case 'media_lost':
        return this.#controller.lost();
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
    if (event.event.part === 'out_of_contract') {
      this.signal.value = { seat: event.event.seat, at: event.at };
    }
    const notice = noticeOf(event.event);
    if (notice) this.#toast({ kind: 'notice', notice });
    if (event.event.part === 'person' && event.event.seat === this.seat.value) {
      // A mute that came from elsewhere is kept; an unmute never is.
      if (event.event.muted && !this.busy.value.has('set_muted')) this.muted.value = true;
    }
    if (event.event.part === 'state' && this.sharing.value && !this.busy.value.has('set_screen')) {
      if (event.event.screen !== this.seat.value) this.#stopScreen(false);
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
    if (command.do === 'set_screen' && command.on) this.#stopScreen(false);
    // What was asked for is so already: the person sees it, there is nothing to say.
    if (code === 'no_change' || code === 'already_asked' || code === 'nothing_to_cancel') return;
    this.#toast({ kind: 'refused', code });
  }

  #stopScreen(tell: boolean): void {
    this.ownScreen.value?.stop();
    this.ownScreen.value = null;
    if (!this.sharing.value) return;
    this.sharing.value = false;
    void this.#controller.send('screen', null);
    if (tell) this.ask({ do: 'set_screen', on: false });
  }

  async #openMicrophone(): Promise<boolean> {
    try {
      this.#useMicrophone(await openMicrophone(this.choice.value.microphone));
      return true;
    } catch (error) {
      this.#toast({ kind: 'device', device: 'microphone', problem: problemOf(error) });
      if (!this.muted.value) await this.setMuted(true);
      return false;
    }
  }

  async #openCamera(): Promise<boolean> {
    try {
      this.#useCamera(await openCamera(this.choice.value.camera));
      return true;
    } catch (error) {
      this.#toast({ kind: 'device', device: 'camera', problem: problemOf(error) });
      if (this.camera.value) await this.setCamera(false);
      return false;
    }
  }

  /** The raw track feeds the level on the screen; a copy of it is what is sent, or not. */
  #useMicrophone(track: MediaStreamTrack): void {
    if (this.#gone()) return track.stop();
    this.microphone.value?.stop();
    this.#sentTrack?.stop();
    track.onended = () => {
      this.#toast({ kind: 'device', device: 'microphone', problem: 'missing' });
      this.microphone.value = null;
      void this.setMuted(true);
    };
    this.#sentTrack = track.clone();
    this.#sentTrack.enabled = this.heard.value;
    track.enabled = !this.muted.value;
    this.microphone.value = track;
    void this.#controller.send('audio', this.#sentTrack);
  }

  #useCamera(track: MediaStreamTrack): void {
    if (this.#gone()) return track.stop();
    this.ownVideo.value?.stop();
    track.contentHint = 'motion';
    track.onended = () => {
      this.#toast({ kind: 'device', device: 'camera', problem: 'missing' });
      void this.setCamera(false);
    };
    this.ownVideo.value = track;
    void this.#controller.send('camera', track);
  }

  /** Whether the person left while a device was being opened. */
  #gone(): boolean {
    return this.phase.value.kind === 'closed';
  }

  #stopMedia(): void {
    this.#controller.dispose();
    for (const track of [this.microphone.value, this.#sentTrack, this.ownVideo.value, this.ownScreen.value]) {
      track?.stop();
    }
  }

  #sayViews(views: [Seat, ViewSize][]): void {
    if (views.length === 0) return;
    this.#connection.say({ type: 'view', seats: views.map(([seat, size]) => ({ seat, size })) });
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
    saveVisit(this.#entry.token, { at: Date.now(), muted: this.muted.value, camera: this.camera.value });
  }
}
