// Generated from crates/wire by `cargo xtask codegen`. Do not edit: change the Rust types.

/** The wire version these types describe. */
export const WIRE_VERSION = 1;

/** The largest message either side may send, in bytes. */
export const MAX_MESSAGE_BYTES = 65536;

/**
 * What became of a command.
 */
export type Answer = { "result": "done" } | { "result": "refused", 
/**
 * Why.
 */
code: RefusalCode, };

/**
 * What keeps the next phase from beginning.
 */
export type Blocked = "client_not_named" | "contract_not_accepted";

/**
 * A line of chat.
 */
export type ChatLine = { 
/**
 * Who wrote it.
 */
seat: Seat, 
/**
 * When.
 */
at: UnixMillis, 
/**
 * What.
 */
text: string, };

/**
 * A message of a page.
 */
export type ClientMessage = { "type": "hello" } & Hello | { "type": "media_offer" } & MediaOffer | { "type": "command", 
/**
 * Grows by one with each command of this page; a repeated id is answered again and not
 * carried out again, so a command is safe to resend after a resume.
 */
id: CommandId, 
/**
 * What is asked.
 */
command: Command, } | { "type": "view", 
/**
 * The seats that changed.
 */
seats: Array<SeatView>, } | { "type": "ping", 
/**
 * Given back in the answer: the page's own clock, in milliseconds.
 */
at: number, } | { "type": "leave" };

/**
 * A clock as a deadline or a stand-still: it never ticks on the wire.
 */
export type ClockView = { "clock": "running", 
/**
 * When it reaches zero, by the server's clock.
 */
deadline: UnixMillis, } | { "clock": "paused", 
/**
 * What is left.
 */
remaining: Millis, };

/**
 * Why a connection closes.
 */
export type ClosingReason = "hello_expected" | "version_mismatch" | "bad_token" | "token_expired" | "room_gone" | "taken_over" | "left" | "session_ended" | "too_slow" | "flooding" | "restarting";

/**
 * What a person can ask of the room. Who may ask is the room's business, at the time it is asked.
 */
export type Command = { "do": "request_floor" } | { "do": "cancel_request" } | { "do": "release_floor" } | { "do": "pass" } | { "do": "set_muted", 
/**
 * Whether the microphone is off.
 */
muted: boolean, } | { "do": "set_camera", 
/**
 * Whether the camera is on.
 */
on: boolean, } | { "do": "set_screen", 
/**
 * Whether the screen is shared.
 */
on: boolean, } | { "do": "chat", 
/**
 * The text.
 */
text: string, } | { "do": "cannot_hear" } | { "do": "yield_floor" } | { "do": "out_of_contract" } | { "do": "propose_contract", 
/**
 * The sentence.
 */
text: string, } | { "do": "accept_contract" } | { "do": "next_phase" } | { "do": "previous_phase" } | { "do": "extend_phase", 
/**
 * By how much: at least 1 s, at most an hour.
 */
by: Millis, } | { "do": "pause_phase" } | { "do": "resume_phase" } | { "do": "grant_floor", 
/**
 * To whom.
 */
seat: Seat, } | { "do": "revoke_floor" } | { "do": "skip_turn" } | { "do": "name_client", 
/**
 * Who brings the subject.
 */
seat: Seat, } | { "do": "take_chair" } | { "do": "end_session" };

/**
 * The number of a page's command, from 1.
 */
export type CommandId = number;

/**
 * The name a person is shown under: 1 to 60 characters, trimmed, without control characters.
 * `Debug` hides it; `Display` is for screens, never for logs.
 */
export type DisplayName = string;

/**
 * A numbered change of the room.
 */
export type Event = { 
/**
 * Consecutive in the room, the same for everyone.
 */
seq: EventSeq, 
/**
 * When, by the server's clock.
 */
at: UnixMillis, 
/**
 * What.
 */
event: RoomEvent, };

/**
 * The number of an event in its room: consecutive from 1, the same for every receiver.
 */
export type EventSeq = number;

/**
 * What happens to somebody who goes on at the end of their turn.
 */
export type Firmness = "advise" | "chime" | "enforce";

/**
 * A floor policy's name.
 */
export type FloorPolicyKind = "open" | "holder" | "queue" | "round_robin" | "pair" | "silence";

/**
 * Who has the floor, and who wants it.
 */
export type FloorView = { 
/**
 * The policy of the phase.
 */
policy: FloorPolicyKind, 
/**
 * How firm the ends of turns are.
 */
firmness: Firmness, 
/**
 * Whether the phase takes requests for the floor.
 */
takes_requests: boolean, 
/**
 * The turn going on, in the policies that have turns.
 */
turn?: GrantView, 
/**
 * What each seat may send now, whoever holds the floor; muted microphones left aside.
 */
rights: Array<[Seat, MediaRights]>, 
/**
 * The hands, in the one order.
 */
hands: Array<HandView>, 
/**
 * Who is still to speak in this round, in order.
 */
upcoming: Array<Seat>, 
/**
 * Whether chat is open.
 */
chat_open: boolean, };

/**
 * A turn: a lease on the floor.
 */
export type GrantView = { 
/**
 * Which turn.
 */
turn_id: TurnId, 
/**
 * Who speaks.
 */
seat: Seat, 
/**
 * In a pair: who is asked or answered.
 */
partner?: Seat, 
/**
 * The turn's clock; absent in a turn without limit.
 */
clock?: ClockView, 
/**
 * The warning comes this long before the deadline.
 */
warning: Millis, 
/**
 * After the deadline the speaker has this long until the cut.
 */
grace: Millis, 
/**
 * Why the clock stands still, when it does.
 */
waiting?: WaitReason, };

/**
 * A raised hand.
 */
export type HandView = { 
/**
 * Whose.
 */
seat: Seat, 
/**
 * Since when.
 */
since: UnixMillis, 
/**
 * What is left of a turn that a drop cut short, to be given back whole.
 */
remaining?: Millis, };

/**
 * Opens a connection.
 */
export type Hello = { 
/**
 * The page's [`crate::WIRE_VERSION`].
 */
version: number, 
/**
 * The signed token of the person's link.
 */
token: string, 
/**
 * The language the person reads: prompts come in it.
 */
language: Language, 
/**
 * Present when the page was here before and kept its state.
 */
resume?: Resume, };

/**
 * A language the product speaks.
 */
export type Language = "fr" | "en";

/**
 * The answer to a media offer.
 */
export type MediaAnswer = { 
/**
 * The offer's.
 */
generation: number, 
/**
 * The SDP answer.
 */
sdp: string, };

/**
 * An SDP offer laid out as [`crate::MediaPlan`] says.
 */
export type MediaOffer = { 
/**
 * Given back in the answer, so that a late answer is told from the awaited one.
 */
generation: number, 
/**
 * The offer.
 */
sdp: string, };

/**
 * How a page lays out its one offer: sections in this order, `a=mid` being the section's index.
 *
 * 0 microphone (`sendonly` audio) · 1 camera (`sendonly` video, simulcast RIDs `q`, `h`, `f` from
 * small to large) · 2 screen (`sendonly` video) · then, for each seat of `slots` in order, one
 * `recvonly` audio and one `recvonly` video · last, one `recvonly` video: whoever shares a screen.
 */
export type MediaPlan = { 
/**
 * Every other seat of the room, ascending, taken or not.
 */
slots: Array<Seat>, };

/**
 * What a seat may send now. Nothing, by default.
 */
export type MediaRights = { 
/**
 * The microphone is forwarded.
 */
audio: boolean, 
/**
 * The camera is forwarded.
 */
video: boolean, 
/**
 * The shared screen is forwarded.
 */
screen: boolean, };

/**
 * A length of time in milliseconds; never negative.
 */
export type Millis = number;

/**
 * The events a page missed.
 */
export type Missed = { 
/**
 * Gives this connection's place back after the next loss; the one before is void.
 */
resume_token: string, 
/**
 * The server's clock now.
 */
now: UnixMillis, 
/**
 * The highest command id of this page's seat that was answered.
 */
last_command: CommandId, 
/**
 * Whether the SFU still holds the page's media session; otherwise the page offers anew.
 */
media_alive: boolean, 
/**
 * In order, consecutive from the page's last one.
 */
events: Array<Event>, };

/**
 * A person and their seat.
 */
export type Person = { 
/**
 * Their seat.
 */
seat: Seat, 
/**
 * Their name, for the screen.
 */
name: DisplayName, 
/**
 * Their part.
 */
role: Role, 
/**
 * Whether they are here.
 */
presence: Presence, 
/**
 * Whether they muted their microphone.
 */
muted: boolean, 
/**
 * Whether their camera is on.
 */
camera: boolean, 
/**
 * Whether they hold the chair: the facilitator's rights.
 */
chair: boolean, };

/**
 * A phase as the template has it.
 */
export type PhaseInfo = { 
/**
 * Its name in the template.
 */
id: string, 
/**
 * Its title in the person's language.
 */
title: string, 
/**
 * What it is for, in a sentence.
 */
purpose: string, 
/**
 * What this person's role is to do in it.
 */
prompt: string, 
/**
 * How long it should last.
 */
target: Millis, 
/**
 * Its floor policy.
 */
floor: FloorPolicyKind, };

/**
 * Where the session is.
 */
export type PhaseView = { 
/**
 * Before, in, or after the phases.
 */
stage: SessionStage, 
/**
 * The phase's clock; in the lobby and after the end it stands still at zero.
 */
clock: ClockView, 
/**
 * How much the phase was lengthened so far.
 */
extended: Millis, 
/**
 * When the session ends if every later phase takes its target.
 */
session_ends_at?: UnixMillis, 
/**
 * The contract sentence, once proposed, and who accepts it.
 */
contract?: string, 
/**
 * The seats that accept the contract sentence.
 */
contract_accepted_by: Array<Seat>, 
/**
 * What must happen before the next phase can begin.
 */
blocked?: Blocked, };

/**
 * Whether a person is here.
 */
export type Presence = { "presence": "expected" } | { "presence": "here" } | { "presence": "away", 
/**
 * Since when.
 */
since: UnixMillis, 
/**
 * Until when the place (turn, chair, client's clock) is held, if something is.
 */
held_until?: UnixMillis, } | { "presence": "left" };

/**
 * Why a command was not carried out.
 */
export type RefusalCode = "not_facilitator" | "not_your_turn" | "not_in_this_phase" | "already_asked" | "nothing_to_cancel" | "no_such_seat" | "not_eligible" | "not_started" | "ended" | "no_such_phase" | "no_change" | "at_maximum" | "gate_closed" | "chat_off" | "bad_text" | "screen_taken" | "out_of_range" | "too_fast";

/**
 * Where a page that was here before left off.
 */
export type Resume = { 
/**
 * The [`crate::Welcome::resume_token`] of the connection that was lost.
 */
token: string, 
/**
 * The last event the page applied.
 */
last_seq: EventSeq, };

/**
 * The part a participant plays.
 */
export type Role = "facilitator" | "co_facilitator" | "client" | "consultant" | "scribe" | "observer";

/**
 * One part of the room's view, whole and new; or something said.
 */
export type RoomEvent = { "part": "person" } & Person | { "part": "phase" } & PhaseView | { "part": "floor" } & FloorView | { "part": "state" } & RoomState | { "part": "chat" } & ChatLine | { "part": "cannot_hear", 
/**
 * Who.
 */
seat: Seat, } | { "part": "out_of_contract", 
/**
 * Who said so.
 */
seat: Seat, };

/**
 * What concerns everybody at once.
 */
export type RoomState = { 
/**
 * Who shares a screen: the last receive slot shows it.
 */
screen?: Seat, 
/**
 * Who holds the chair; nobody while the room runs by itself.
 */
chair?: Seat, 
/**
 * The phase is paused because this person, whom it cannot go on without, dropped.
 */
paused_for?: Seat, };

/**
 * The whole room.
 */
export type RoomView = { 
/**
 * What is being followed.
 */
template: TemplateInfo, 
/**
 * Its phases, in order, with the texts for this person's role and language.
 */
phases: Array<PhaseInfo>, 
/**
 * Where the session is.
 */
phase: PhaseView, 
/**
 * Who has the floor, and who wants it.
 */
floor: FloorView, 
/**
 * Everyone with a seat, ascending by seat.
 */
people: Array<Person>, 
/**
 * What concerns everybody at once.
 */
state: RoomState, 
/**
 * The last lines of chat, oldest first.
 */
chat: Array<ChatLine>, };

/**
 * A place in a room, counted from 0; it stays the same for the room's whole life, whoever's
 * connection fills it.
 */
export type Seat = number;

/**
 * How a page shows one seat's camera.
 */
export type SeatView = { 
/**
 * Whose camera.
 */
seat: Seat, 
/**
 * How large.
 */
size: ViewSize, };

/**
 * A message of the signaling service.
 */
export type ServerMessage = { "type": "welcome" } & Welcome | { "type": "resumed" } & Missed | { "type": "event" } & Event | { "type": "phases", 
/**
 * The phases with the texts for the person's new role.
 */
phases: Array<PhaseInfo>, } | { "type": "answer", 
/**
 * Which command.
 */
id: CommandId, 
/**
 * What became of it.
 */
answer: Answer, } | { "type": "media_answer" } & MediaAnswer | { "type": "media_refused", 
/**
 * The offer's generation.
 */
generation: number, 
/**
 * What was wrong, for a developer.
 */
detail: string, } | { "type": "media_lost" } | { "type": "speaking", 
/**
 * The seats with voice in the last moments.
 */
seats: Array<Seat>, } | { "type": "pong", 
/**
 * The ping's `at`.
 */
at: number, 
/**
 * The server's clock: deadlines are on it.
 */
now: UnixMillis, } | { "type": "not_understood", 
/**
 * What was wrong and where, for a developer.
 */
detail: string, } | { "type": "closing", 
/**
 * Why; a page words it, and knows from it whether to come back.
 */
reason: ClosingReason, };

/**
 * The part of the session.
 */
export type SessionStage = { "stage": "lobby" } | { "stage": "running", 
/**
 * Its index in `RoomView::phases`.
 */
index: number, } | { "stage": "ended" };

/**
 * The template in use.
 */
export type TemplateInfo = { 
/**
 * Its name in links and files, such as `codev-1h15`.
 */
id: string, 
/**
 * Its title in the person's language.
 */
title: string, 
/**
 * The sum of its phases' targets.
 */
target: Millis, };

/**
 * One turn at speaking; never reused in a room.
 */
export type TurnId = number;

/**
 * A moment: milliseconds since the Unix epoch, by the server's clock.
 */
export type UnixMillis = number;

/**
 * How large a camera is shown.
 */
export type ViewSize = "hidden" | "thumbnail" | "medium" | "large";

/**
 * Why a turn's clock stands still.
 */
export type WaitReason = { "reason": "speaker_away", 
/**
 * When the turn passes on.
 */
until: UnixMillis, } | { "reason": "phase_paused" };

/**
 * The first answer to a page that is let in.
 */
export type Welcome = { 
/**
 * The wire version of the server.
 */
version: number, 
/**
 * The person's own seat.
 */
seat: Seat, 
/**
 * Gives this connection's place back after a loss; secret, and new at each welcome.
 */
resume_token: string, 
/**
 * The last event that `room` includes.
 */
seq: EventSeq, 
/**
 * The server's clock now.
 */
now: UnixMillis, 
/**
 * The highest command id of this page's seat that was answered: a page numbers on from there.
 */
last_command: CommandId, 
/**
 * How to lay out the media offer.
 */
media: MediaPlan, 
/**
 * The whole room, as this person sees it.
 */
room: RoomView, };
