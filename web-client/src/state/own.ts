/** One's own microphone, camera and screen while in the room: the switches, the devices, what is sent. */
import { signal } from '@preact/signals';
import {
  openCamera,
  openMicrophone,
  openScreen,
  problemOf,
  type Choice,
  type DeviceProblem,
} from '../media/devices.ts';
import type { Outgoing } from '../media/peer.ts';
import type { Command } from '../wire/index.ts';

/** What a switch leads to outside of this page's own devices. */
export interface OwnHandlers {
  ask(command: Command): void;
  /** Changes what is sent. */
  send(kind: keyof Outgoing, track: MediaStreamTrack | null): Promise<void>;
  problem(device: 'microphone' | 'camera' | 'screen', problem: DeviceProblem): void;
  /** A switch changed that a page which comes back should find as it was. */
  remember(): void;
  /** Whether the person left while a device was being opened. */
  gone(): boolean;
}

export class OwnMedia {
  readonly muted = signal(true);
  readonly camera = signal(false);
  readonly sharing = signal(false);
  readonly video = signal<MediaStreamTrack | null>(null);
  readonly screen = signal<MediaStreamTrack | null>(null);
  readonly microphone = signal<MediaStreamTrack | null>(null);
  readonly choice: { value: Choice };
  #sent: MediaStreamTrack | null = null;
  #heard = false;
  readonly #handlers: OwnHandlers;

  constructor(choice: Choice, handlers: OwnHandlers) {
    this.choice = signal(choice);
    this.#handlers = handlers;
  }

  /**
   * The microphone is open to the network only while it is heard: a seat without the floor sends
   * silence, whatever the server would do with its voice.
   */
  setHeard(heard: boolean): void {
    this.#heard = heard;
    const raw = this.microphone.value;
    if (raw) raw.enabled = !this.muted.value;
    if (this.#sent) this.#sent.enabled = heard;
  }

  async setMuted(muted: boolean): Promise<void> {
    if (!muted && !this.microphone.value && !(await this.openMicrophone())) return;
    this.muted.value = muted;
    this.#handlers.ask({ do: 'set_muted', muted });
    this.#handlers.remember();
  }

  async setCamera(on: boolean): Promise<void> {
    if (on && !this.video.value && !(await this.openCamera())) return;
    if (!on) {
      // Stopped, not paused: the camera's light goes out.
      this.video.value?.stop();
      this.video.value = null;
      await this.#handlers.send('camera', null);
    }
    this.camera.value = on;
    this.#handlers.ask({ do: 'set_camera', on });
    this.#handlers.remember();
  }

  async setScreen(on: boolean): Promise<void> {
    if (!on) return this.stopScreen(true);
    try {
      const track = await openScreen();
      track.onended = () => this.stopScreen(true);
      this.screen.value = track;
      this.sharing.value = true;
      await this.#handlers.send('screen', track);
      this.#handlers.ask({ do: 'set_screen', on: true });
    } catch (error) {
      // Closing the browser's own chooser is an answer, not a fault.
      if (problemOf(error) !== 'denied') this.#handlers.problem('screen', problemOf(error));
    }
  }

  /** Ends the share of the screen; the room is told unless it is what ended it. */
  stopScreen(tell: boolean): void {
    this.screen.value?.stop();
    this.screen.value = null;
    if (!this.sharing.value) return;
    this.sharing.value = false;
    void this.#handlers.send('screen', null);
    if (tell) this.#handlers.ask({ do: 'set_screen', on: false });
  }

  /** Changes a device while in the room. */
  async useDevices(choice: Choice): Promise<void> {
    const before = this.choice.value;
    this.choice.value = choice;
    if (choice.microphone !== before.microphone && this.microphone.value) await this.openMicrophone();
    if (choice.camera !== before.camera && this.video.value) await this.openCamera();
  }

  async openMicrophone(): Promise<boolean> {
    try {
      this.useMicrophone(await openMicrophone(this.choice.value.microphone));
      return true;
    } catch (error) {
      this.#handlers.problem('microphone', problemOf(error));
      if (!this.muted.value) await this.setMuted(true);
      return false;
    }
  }

  async openCamera(): Promise<boolean> {
    try {
      this.useCamera(await openCamera(this.choice.value.camera));
      return true;
    } catch (error) {
      this.#handlers.problem('camera', problemOf(error));
      if (this.camera.value) await this.setCamera(false);
      return false;
    }
  }

  /** The raw track feeds the level on the screen; a copy of it is what is sent, or not. */
  useMicrophone(track: MediaStreamTrack): void {
    if (this.#handlers.gone()) return track.stop();
    this.microphone.value?.stop();
    this.#sent?.stop();
    track.onended = () => {
      this.#handlers.problem('microphone', 'missing');
      this.microphone.value = null;
      void this.setMuted(true);
    };
    this.#sent = track.clone();
    this.microphone.value = track;
    this.setHeard(this.#heard);
    void this.#handlers.send('audio', this.#sent);
  }

  useCamera(track: MediaStreamTrack): void {
    if (this.#handlers.gone()) return track.stop();
    this.video.value?.stop();
    track.contentHint = 'motion';
    track.onended = () => {
      this.#handlers.problem('camera', 'missing');
      void this.setCamera(false);
    };
    this.video.value = track;
    void this.#handlers.send('camera', track);
  }

  /** Lets go of every device. */
  stop(): void {
    for (const track of [this.microphone.value, this.#sent, this.video.value, this.screen.value]) {
      track?.stop();
    }
  }
}
