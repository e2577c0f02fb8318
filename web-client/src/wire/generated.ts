// Generated from crates/wire by `cargo xtask codegen`. Do not edit: change the Rust types.

/** The wire version these types describe. */
export const WIRE_VERSION = 3;

/** The largest message either side may send, in bytes. */
export const MAX_MESSAGE_BYTES = 65536;

/** The kind of a tunnel's frames, their first byte. */
export const FRAME_VOICE = 1;

/** What goes before a frame's Opus packet, in bytes. */
export const FRAME_HEADER_BYTES = 8;

/** The largest Opus packet of a frame, in bytes. */
export const MAX_OPUS_BYTES = 400;

/**
 * A phase that is done ends by itself, in a moment.
 */
export type Advance = { 
/**
 * When.
 */
at: UnixMillis, };

/**
 * What became of a command.
 */
export type Answer = { "result": "done" } | { "result": "refused", 
/**
 * Why.
 */
code: Refusal, };

/**
 * The room runs by itself.
 */
export type AutopilotView = { 
/**
 * Who wants to go on to the next phase.
 */
wanted_by: Array<Seat>, 
/**
 * How many it takes.
 */
needed: number, };

/**
 * What one person votes.
 */
export type Ballot = { "ballot": "for", 
/**
 * Its index.
 */
option: number, } | { "ballot": "abstain" };

/**
 * A band of speech.
 */
export type Band = "unknown" | "quiet" | "even" | "much";

/**
 * What keeps the next phase from beginning.
 */
export type Blocked = "client_not_named" | "contract_not_accepted";

/**
 * What carries a page's media.
 */
export type Carrier = "udp" | "tcp" | "turn" | "tunnel" | "none";

/**
 * What only whoever holds the chair is shown.
 */
export type ChairView = { 
/**
 * How speech is balanced, a person each, ascending by seat.
 */
balance: Array<SpeechBalance>, 
/**
 * What each offered extension of the phase costs, before it is taken.
 */
extensions: Array<ExtensionQuote>, 
/**
 * Who asked for help in private, oldest first.
 */
help: Array<HelpLine>, 
/**
 * Who dropped, oldest first.
 */
drops: Array<DropRecord>, };

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
 * What the group does when the client did not come back in time.
 */
export type ClientDropChoice = "keep_waiting" | "in_writing" | "another_subject" | "reschedule";

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
at: number, } | { "type": "tunnel", 
/**
 * Whether voices go through the connection from now on.
 */
on: boolean, } | { "type": "recovered" } & Recovered | { "type": "path" } & PathReport | { "type": "estimate" } & Estimate | { "type": "leave" };

/**
 * A clock that counts down. It never ticks: it runs to a deadline, or stands still.
 */
export type Clock = { "clock": "running", 
/**
 * When it reaches zero.
 */
deadline: UnixMillis, } | { "clock": "paused", 
/**
 * What is left.
 */
remaining: Millis, };

/**
 * Why a connection closes.
 */
export type ClosingReason = "hello_expected" | "version_mismatch" | "bad_token" | "token_expired" | "room_gone" | "taken_over" | "left" | "session_ended" | "too_slow" | "flooding" | "full" | "restarting";

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
text: string, } | { "do": "cannot_hear" } | { "do": "yield_floor", 
/**
 * Where the asker chooses who answers: whom they ask.
 */
to?: Seat, } | { "do": "help", 
/**
 * The text.
 */
text: string, } | { "do": "cast_ballot", 
/**
 * For what.
 */
ballot: Ballot, } | { "do": "add_entry", 
/**
 * What.
 */
entry: EntryDraft, } | { "do": "change_entry", 
/**
 * Which.
 */
id: EntryId, 
/**
 * What it says now; of the same kind.
 */
entry: EntryDraft, } | { "do": "remove_entry", 
/**
 * Which.
 */
id: EntryId, } | { "do": "keep_entry", 
/**
 * Which.
 */
id: EntryId, 
/**
 * Whether it is kept.
 */
kept: boolean, } | { "do": "set_notes", 
/**
 * The text.
 */
text: string, } | { "do": "decide_record", 
/**
 * What.
 */
fate: RecordFate, } | { "do": "want_next", 
/**
 * Whether.
 */
wanted: boolean, } | { "do": "out_of_contract" } | { "do": "propose_contract", 
/**
 * The sentence.
 */
text: string, } | { "do": "accept_contract" } | { "do": "go_on" } | { "do": "next_phase" } | { "do": "previous_phase" } | { "do": "extend_phase", 
/**
 * By how much: at least 1 s, at most an hour.
 */
by: Millis, } | { "do": "stay" } | { "do": "pause_phase" } | { "do": "resume_phase" } | { "do": "grant_floor", 
/**
 * To whom.
 */
seat: Seat, } | { "do": "revoke_floor" } | { "do": "skip_turn" } | { "do": "name_client", 
/**
 * Who brings the subject.
 */
seat: Seat, } | { "do": "open_vote" } | { "do": "close_vote" } | { "do": "name_backup", 
/**
 * Who; nobody any more without one.
 */
seat?: Seat, } | { "do": "after_client_drop", 
/**
 * What the group does.
 */
choice: ClientDropChoice, } | { "do": "start_drill" } | { "do": "end_drill" } | { "do": "visit_group", 
/**
 * Which.
 */
group: Group, } | { "do": "take_chair" } | { "do": "end_session" };

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
 * A drill: the loss of the client is played, nobody is lost.
 */
export type Drill = { 
/**
 * Who plays the part of the one who is lost.
 */
seat: Seat, 
/**
 * Since when.
 */
since: UnixMillis, 
/**
 * When their return is played.
 */
back_at: UnixMillis, 
/**
 * When it ends by itself.
 */
until: UnixMillis, };

/**
 * Why somebody had to come back.
 */
export type DropCause = "signaling_lost" | "path_dead" | "suspended" | "server_restarted" | "page_reloaded" | "udp_blocked" | "weak_network" | "asked";

/**
 * Somebody dropped.
 */
export type DropRecord = { 
/**
 * Who.
 */
seat: Seat, 
/**
 * Since when.
 */
at: UnixMillis, 
/**
 * When they were back.
 */
back_at?: UnixMillis, 
/**
 * What had happened, when their page could tell.
 */
cause?: DropCause, 
/**
 * By which way they came back, when their page could tell.
 */
rung?: Rung, };

/**
 * An entry of the record.
 */
export type Entry = { 
/**
 * Which.
 */
id: EntryId, 
/**
 * Who wrote it.
 */
seat: Seat, 
/**
 * When it was first written.
 */
at: UnixMillis, 
/**
 * Whether the client keeps it (suggestions).
 */
kept: boolean, 
/**
 * What it says.
 */
entry: EntryDraft, };

/**
 * An entry as it is written. Texts have 1 to 1,000 characters where nothing else is said.
 */
export type EntryDraft = { "kind": "subject", 
/**
 * Its words.
 */
text: string, } | { "kind": "suggestion", 
/**
 * Its words.
 */
text: string, } | { "kind": "action", 
/**
 * What.
 */
what: string, 
/**
 * By when, in the client's words; may be empty, at most 100 characters.
 */
when: string, 
/**
 * The first step; may be empty.
 */
first_step: string, } | { "kind": "learning", 
/**
 * Its words.
 */
text: string, } | { "kind": "rating", 
/**
 * 1 to 5.
 */
stars: number, 
/**
 * A comment; may be empty.
 */
comment: string, } | { "kind": "note", 
/**
 * Its words.
 */
text: string, };

/**
 * The number of an entry; never reused in a room.
 */
export type EntryId = number;

/**
 * What kind of thing is written.
 */
export type EntryKind = "subject" | "suggestion" | "action" | "learning" | "rating" | "note";

/**
 * What a browser's bandwidth estimator believes that its page can send, by the server's feedback of arrival
 * times.
 */
export type Estimate = { 
/**
 * In bits a second.
 */
outgoing: number, };

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
 * What an extension would cost.
 */
export type ExtensionQuote = { 
/**
 * What is asked for.
 */
by: Millis, 
/**
 * What the phase would get; less than asked for at its maximum, or when later phases have no
 * more to give. Zero when it cannot be extended.
 */
gets: Millis, 
/**
 * What each later phase would lose: its index and how much. Those that lose nothing are left out.
 */
costs: Array<[number, Millis]>, 
/**
 * When the session would end.
 */
session_ends_at?: UnixMillis, };

/**
 * What happens to somebody who goes on at the end of their turn.
 */
export type Firmness = "advise" | "chime" | "enforce";

/**
 * A floor policy's name.
 */
export type FloorKind = "open" | "holder" | "queue" | "chair_queue" | "quiet_first" | "round_robin" | "pair" | "silence" | "breakout";

/**
 * Who has the floor, and who wants it.
 */
export type FloorView = { 
/**
 * The policy of the phase's step.
 */
policy: FloorKind, 
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
turn?: TurnView, 
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
 * In a circle (an open floor with few seats): who is in it.
 */
circle: Array<Seat>, 
/**
 * In a circle: how many seats it has.
 */
circle_seats?: number, 
/**
 * The breakout groups; none in the plenary.
 */
groups: Array<GroupView>, 
/**
 * The clock of this part of the phase, when it has one of its own: a silence, a breakout.
 */
step_clock?: Clock, 
/**
 * Whether chat is open.
 */
chat_open: boolean, };

/**
 * The breakout group that a seat is in. Media pass between seats of one group alone.
 */
export type Group = number;

/**
 * A breakout group: its people see and hear each other alone.
 */
export type GroupView = { 
/**
 * Which.
 */
group: Group, 
/**
 * Who is in it, a visiting facilitator included; ascending.
 */
seats: Array<Seat>, };

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
 * Somebody asked for help, in private.
 */
export type HelpLine = { 
/**
 * Who.
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
 * The server's half of ICE's credentials for one path generation (RFC 8445 section 5.3).
 */
export type IceCredentials = { 
/**
 * The user name fragment.
 */
ufrag: string, 
/**
 * Secret.
 */
password: string, };

/**
 * A TURN relay, as `RTCPeerConnection` takes it.
 */
export type IceServer = { 
/**
 * Where it is: `turn:` and `turns:` addresses.
 */
urls: Array<string>, 
/**
 * Until when the credential is good, and a random part; it names nobody.
 */
username: string, 
/**
 * Secret.
 */
credential: string, };

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
sdp: string, 
/**
 * The credentials for the session's next path, good from now on.
 */
next_ice?: IceCredentials, };

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
slots: Array<Seat>, 
/**
 * Relays for networks that let nothing else through; empty where the operator runs none.
 */
ice_servers: Array<IceServer>, };

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
 * The credentials for the session's next path, which may have changed meanwhile.
 */
next_ice?: IceCredentials, 
/**
 * In order, consecutive from the page's last one.
 */
events: Array<Event>, };

/**
 * Credentials held out for the path after the present one. They are good from now on: a page whose
 * path died restarts ICE with them without a word to the server.
 */
export type NextIce = { 
/**
 * Of which offer's session, when that is known.
 */
generation?: number, 
/**
 * The user name fragment.
 */
ufrag: string, 
/**
 * Secret.
 */
password: string, };

/**
 * What comes next, when the facilitator goes on.
 */
export type NextStep = { "step": "start" } | { "step": "open_vote" } | { "step": "close_vote" } | { "step": "phase", 
/**
 * Its index in `RoomView::phases`.
 */
index: number, } | { "step": "end" } | { "step": "wait" } | { "step": "over" };

/**
 * How a page's media travel.
 */
export type PathReport = { 
/**
 * What carries them.
 */
rung: Carrier, 
/**
 * Whether the page gave up its camera and the others' for the sake of voices.
 */
audio_only: boolean, };

/**
 * Why the clocks stand; the weightiest reason when there are several.
 */
export type Pause = { "reason": "by_chair" } | { "reason": "for_client", 
/**
 * Their seat.
 */
seat: Seat, 
/**
 * Until when their floor is held; absent when it is held no longer and the facilitator chooses.
 */
until?: UnixMillis, } | { "reason": "for_everybody", 
/**
 * Until when; absent while nobody is back.
 */
until?: UnixMillis, };

/**
 * A person and their seat.
 */
export type PersonView = { 
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
 * Whether they are an expert of the subject: they speak last, within the expert's limit, and are
 * not called on unasked.
 */
expert: boolean, 
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
 * What one person alone is shown.
 */
export type PersonalView = { 
/**
 * Their ballot in the vote that is open; absent when they have not voted.
 */
ballot?: Ballot, 
/**
 * Their private notes.
 */
notes: string, 
/**
 * How much they spoke.
 */
talk: TalkShare, 
/**
 * What only whoever holds the chair is shown.
 */
chair?: ChairView, };

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
 * What everyone does while the client is away.
 */
meanwhile: string, 
/**
 * How long it should last.
 */
target: Millis, 
/**
 * The least it may shrink to for an earlier phase.
 */
min: Millis, 
/**
 * The most it may be extended to.
 */
max: Millis, 
/**
 * How long before its end it warns, the longest first.
 */
warnings: Array<Millis>, 
/**
 * Its first floor policy.
 */
floor: FloorKind, 
/**
 * What this person's role may write into the record in it.
 */
writes: Array<EntryKind>, 
/**
 * Whether the contract sentence is worded and accepted in it.
 */
takes_contract: boolean, 
/**
 * Whether the client may signal that the group has left the contract.
 */
out_of_contract: boolean, 
/**
 * What is asked by its own vote, when it has one.
 */
vote?: VoteInfo, };

/**
 * Where the session is.
 */
export type PhaseView = { 
/**
 * Before, in, or after the phases.
 */
stage: Stage, 
/**
 * The phase's clock; in the lobby and after the end it stands still at zero.
 */
clock: Clock, 
/**
 * How long the phase lasts in all: what is planned now, extensions included.
 */
total: Millis, 
/**
 * How much the phase was lengthened so far.
 */
extended: Millis, 
/**
 * How long each phase of the template is planned to last now, after what extensions cost.
 */
planned: Array<Millis>, 
/**
 * When the session ends if every later phase takes what is planned.
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
 * The seats whose acceptance is still awaited.
 */
contract_awaits: Array<Seat>, 
/**
 * What must happen before the next phase can begin.
 */
blocked?: Blocked, 
/**
 * The phase is done and the next one begins by itself.
 */
advance?: Advance, 
/**
 * What the facilitator's one key does now.
 */
next: NextStep, };

/**
 * Whether a person is here.
 */
export type Presence = { "presence": "expected" } | { "presence": "entering" } | { "presence": "here" } | { "presence": "away", 
/**
 * Since when.
 */
since: UnixMillis, 
/**
 * Until when the place (turn, chair, client's clock) is held, if something is.
 */
held_until?: UnixMillis, } | { "presence": "left" };

/**
 * What becomes of the record when the session is over.
 */
export type RecordFate = { "fate": "undecided" } | { "fate": "keep" } | { "fate": "erase" };

/**
 * How a page came back from a loss.
 */
export type Recovered = { 
/**
 * The way back that worked.
 */
rung: Rung, 
/**
 * What had happened.
 */
cause: DropCause, 
/**
 * From the first sign of trouble until all was well again.
 */
took: Millis, 
/**
 * How long nothing was heard of it; zero when media were never away.
 */
gap: Millis, };

/**
 * Why a command was not carried out.
 */
export type Refusal = "not_facilitator" | "not_your_turn" | "not_in_this_phase" | "already_asked" | "nothing_to_cancel" | "no_such_seat" | "not_eligible" | "not_started" | "ended" | "no_such_phase" | "no_change" | "at_maximum" | "gate_closed" | "chat_off" | "bad_text" | "screen_taken" | "out_of_range" | "no_vote" | "no_such_entry" | "record_full" | "too_fast";

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
export type RoomEvent = { "part": "person" } & PersonView | { "part": "phase" } & PhaseView | { "part": "floor" } & FloorView | { "part": "state" } & StateView | { "part": "votes" } & VotesView | { "part": "entry" } & Entry | { "part": "entry_removed", 
/**
 * Which.
 */
id: EntryId, } | { "part": "chat" } & ChatLine | { "part": "cannot_hear", 
/**
 * Who.
 */
seat: Seat, } | { "part": "out_of_contract", 
/**
 * Who said so.
 */
seat: Seat, };

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
people: Array<PersonView>, 
/**
 * What concerns everybody at once.
 */
state: StateView, 
/**
 * The vote that is open, and the results of those before.
 */
votes: VotesView, 
/**
 * What was written, oldest first.
 */
entries: Array<Entry>, 
/**
 * The last lines of chat, oldest first.
 */
chat: Array<ChatLine>, };

/**
 * A step of the ladder of ways back, from the smallest repair to the last resort.
 */
export type Rung = "resume" | "rebind" | "ice_restart" | "new_transport" | "tcp" | "turn" | "audio_only" | "tunnel";

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
phases: Array<PhaseInfo>, } | { "type": "personal" } & PersonalView | { "type": "answer", 
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
detail: string, } | { "type": "media_lost" } | { "type": "next_ice" } & NextIce | { "type": "tunnel", 
/**
 * Whether voices go through the connection.
 */
on: boolean, 
/**
 * Why it was not opened, for a developer.
 */
detail?: string, } | { "type": "speaking", 
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
reason: ClosingReason, 
/**
 * When to come back, where the reason says to: after so long, so that not everybody comes
 * at once.
 */
after?: Millis, 
/**
 * The room is another server's by now, and the media that there are go on for so long all the
 * same, as they are: a page has until then to make those to the other one.
 */
media_for?: Millis, };

/**
 * How one person's speech compares with what they were entitled to: a band, not a rank.
 */
export type SpeechBalance = { 
/**
 * Who.
 */
seat: Seat, 
/**
 * Where they stand.
 */
band: Band, 
/**
 * How many turns they had.
 */
turns: number, 
/**
 * How much of their turns they gave back unused.
 */
unused: Millis, 
/**
 * The longest they waited from asking for the floor to having it.
 */
longest_wait: Millis, 
/**
 * How often they tried to speak when they could not.
 */
blocked: number, };

/**
 * The part of the session.
 */
export type Stage = { "stage": "lobby" } | { "stage": "running", 
/**
 * Its index in `RoomView::phases`.
 */
index: number, } | { "stage": "ended" };

/**
 * What concerns everybody at once.
 */
export type StateView = { 
/**
 * Who shares a screen: the last receive slot shows it.
 */
screen?: Seat, 
/**
 * Who holds the chair; nobody while the room runs by itself.
 */
chair?: Seat, 
/**
 * Who was named to take the chair if its holder drops.
 */
backup?: Seat, 
/**
 * Why the clocks stand, when they do.
 */
pause?: Pause, 
/**
 * The client is away and the group goes on in writing.
 */
in_writing: boolean, 
/**
 * Nobody holds the chair: the timers advance the phases, and the group may.
 */
autopilot?: AutopilotView, 
/**
 * The loss of the client is being played.
 */
drill?: Drill, 
/**
 * What becomes of the record.
 */
record: RecordFate, };

/**
 * How much one person spoke, told to them alone.
 */
export type TalkShare = { 
/**
 * How long they spoke so far, by the server's own record of floor and voice.
 */
spoke: Millis, 
/**
 * Of all that was said, in percent.
 */
share: number, 
/**
 * Of all that could be said by them under the phases so far, in percent: what would be even.
 */
fair: number, };

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
 * What it is for, in the person's language.
 */
purpose: string, 
/**
 * The sum of its phases' targets.
 */
target: Millis, };

/**
 * One turn at speaking; never reused in a room.
 */
export type TurnId = number;

/**
 * What a turn is for.
 */
export type TurnPart = "speak" | "ask" | "answer";

/**
 * A turn: a lease on the floor.
 */
export type TurnView = { 
/**
 * Which turn.
 */
turn_id: TurnId, 
/**
 * Who speaks.
 */
seat: Seat, 
/**
 * What for.
 */
part: TurnPart, 
/**
 * In a pair: who is asked or answered.
 */
partner?: Seat, 
/**
 * The turn's clock; absent in a turn without limit.
 */
clock?: Clock, 
/**
 * The turn's whole length; absent in a turn without limit.
 */
total?: Millis, 
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
waiting?: Waiting, };

/**
 * A moment: milliseconds since the Unix epoch, by the server's clock.
 */
export type UnixMillis = number;

/**
 * How large a camera is shown.
 */
export type ViewSize = "hidden" | "thumbnail" | "medium" | "large";

/**
 * What a vote is about.
 */
export type VoteAbout = "client" | "continue" | "question";

/**
 * A phase's own vote, in words.
 */
export type VoteInfo = { 
/**
 * What is asked.
 */
question: string, 
/**
 * What can be answered, by index.
 */
answers: Array<string>, };

/**
 * Something that can be chosen.
 */
export type VoteOption = { "option": "person", 
/**
 * Their seat.
 */
seat: Seat, } | { "option": "continue" } | { "option": "next" } | { "option": "answer", 
/**
 * Its index in `PhaseInfo::vote`.
 */
index: number, };

/**
 * How a vote ended.
 */
export type VoteResult = { 
/**
 * The phase it belonged to.
 */
phase: number, 
/**
 * What about.
 */
about: VoteAbout, 
/**
 * What could be chosen.
 */
options: Array<VoteOption>, 
/**
 * How many ballots for each.
 */
ballots: Array<number>, 
/**
 * How many abstained.
 */
abstained: number, 
/**
 * The index of what was chosen; none when nobody voted or the first are equal: the facilitator
 * chooses then.
 */
chosen?: number, };

/**
 * A vote that is open.
 */
export type VoteView = { 
/**
 * The phase it belongs to: its index in `RoomView::phases`.
 */
phase: number, 
/**
 * What about.
 */
about: VoteAbout, 
/**
 * What can be chosen, by index.
 */
options: Array<VoteOption>, 
/**
 * Who has voted; ascending.
 */
voted: Array<Seat>, 
/**
 * Who has not, and is here; ascending.
 */
awaited: Array<Seat>, 
/**
 * When it closes by itself; it closes before when everyone here has voted.
 */
closes_at?: UnixMillis, };

/**
 * The vote that is open, and the results of those before.
 */
export type VotesView = { 
/**
 * The vote that is open.
 */
open?: VoteView, 
/**
 * The votes that were closed, oldest first.
 */
results: Array<VoteResult>, };

/**
 * Why a turn's clock stands still.
 */
export type Waiting = { "reason": "speaker_away", 
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
 * What to call when media cannot be had: a number, or a line of text, of the organiser's.
 */
telephone?: string, 
/**
 * The whole room, as this person sees it.
 */
room: RoomView, };
