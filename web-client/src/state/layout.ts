/**
 * Where everyone sits. The speaker is in the middle, the others on arcs around them; without a speaker
 * everyone is the same size. Pure geometry in CSS pixels, so that a tile only ever moves: its video
 * element is never taken out of the page.
 */
import type { Seat, ViewSize } from '../wire/index.ts';

/** The space under a circle for a name and a role. */
export const LABEL = 44;
/** The same under the speaker's circle, whose clock is larger. */
export const STAGE_LABEL = 96;
/** The space under a circle for a name alone. */
export const NAME_LABEL = 24;
/** The space under the speaker's circle on a telephone, below the ring. */
const STAGE_LABEL_SMALL = 50;
/** The width a first name needs: no cell is narrower, and a longer name ends in an ellipsis. */
export const NAME = 78;
/** Below this diameter roles are put away, so that the face gets their height. */
const WITH_ROLE = 60;
/** The space around the speaker's circle for the turn's ring. */
export const RING = 22;
const GAP = 14;

/** A circle: its centre and diameter. */
export interface Place {
  x: number;
  y: number;
  d: number;
  stage: boolean;
  /** The width that is the label's alone. */
  label: number;
  /** Whether there is room for the role under the name. */
  role: boolean;
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Layout {
  places: Map<Seat, Place>;
  /** Where the shared screen is shown. */
  screen: Box | null;
  /** The middle of the circle, for the rings behind it. */
  centre: { x: number; y: number };
}

export interface Room {
  width: number;
  height: number;
  /** Everyone, in order. */
  seats: Seat[];
  /** The speaker, and their partner in a pair. */
  stage: Seat[];
  screen: boolean;
  /** Who is set aside, together with whom: small, in a strip below. */
  aside?: Seat[][];
}

/** The diameter of a face that is set aside. */
const ASIDE = 44;
const ASIDE_ROW = ASIDE + NAME_LABEL + GAP;
/** The space between two groups that are set aside. */
const BETWEEN = 26;

export function layout(room: Room): Layout {
  const groups = (room.aside ?? []).filter((group) => group.length > 0);
  if (groups.length === 0) return circle(room);
  const apart = new Set(groups.flat());
  const rows = strip(groups, room.width);
  const height = room.height - rows.length * ASIDE_ROW - GAP;
  const arranged = circle({
    ...room,
    height,
    seats: room.seats.filter((seat) => !apart.has(seat)),
    stage: room.stage.filter((seat) => !apart.has(seat)),
  });
  rows.forEach((row, index) => {
    const y = height + GAP + index * ASIDE_ROW + ASIDE / 2;
    for (const { seat, x } of row) {
      arranged.places.set(seat, { x, y, d: ASIDE, stage: false, label: NAME - 4, role: false });
    }
  });
  return arranged;
}

/** The groups side by side, broken into rows that fit, each row centred. */
function strip(groups: Seat[][], width: number): { seat: Seat; x: number }[][] {
  const rows: { seat: Seat; x: number }[][] = [[]];
  let end = 0;
  groups.forEach((group) => {
    let first = true;
    for (const seat of group) {
      const row = rows[rows.length - 1]!;
      const start = row.length === 0 ? 0 : end + (first ? BETWEEN : 0);
      first = false;
      if (start + NAME <= width || row.length === 0) {
        row.push({ seat, x: start + NAME / 2 });
        end = start + NAME;
      } else {
        rows.push([{ seat, x: NAME / 2 }]);
        end = NAME;
      }
    }
  });
  return rows.map((row) => {
    const shift = (width - (row[row.length - 1]!.x + NAME / 2)) / 2;
    return row.map(({ seat, x }) => ({ seat, x: x + shift }));
  });
}

function circle({ width, height, seats, stage, screen }: Room): Layout {
  const others = seats.filter((seat) => !stage.includes(seat));
  const places = new Map<Seat, Place>();
  const landscape = width >= height * 1.1;
  const whole: Box = { x: 0, y: 0, width, height };
  const centre = { x: width / 2, y: height / 2 };

  if (screen) {
    const ratio = 16 / 10;
    if (landscape) {
      const side = Math.min(Math.max(width * 0.24, 150), 300);
      const box = { x: 0, y: 0, width: width - side - GAP, height };
      const h = Math.min(box.height, box.width / ratio);
      sideBySide(places, { x: width - side, y: 0, width: side, height }, stage, others);
      return { places, screen: { x: 0, y: (height - h) / 2, width: box.width, height: h }, centre };
    }
    const h = Math.min(width / ratio, height * 0.45);
    sideBySide(places, { x: 0, y: h + GAP, width, height: height - h - GAP }, stage, others);
    return { places, screen: { x: 0, y: 0, width, height: h }, centre };
  }

  if (stage.length === 0) {
    pack(places, whole, others, 260);
    return { places, screen: null, centre };
  }

  if (landscape && height >= 430) {
    arcs(places, whole, stage, others);
  } else if (landscape) {
    const d = Math.max(80, Math.min(height - STAGE_LABEL - RING, width * (stage.length > 1 ? 0.22 : 0.3)));
    const w = groupWidth(stage, d) + 2 * RING + GAP;
    centreStage(places, { x: 0, y: 0, width: w, height }, stage, d);
    pack(places, { x: w, y: 0, width: width - w, height }, others, 120);
  } else {
    // The others keep two rows that can be made out, before the speaker grows.
    const kept = Math.min(2, Math.ceil(others.length / 4)) * (60 + LABEL + GAP);
    const label = width < 690 ? STAGE_LABEL_SMALL : STAGE_LABEL;
    const room = height - 2 * RING - label - kept;
    const d = Math.max(96, Math.min(width * (stage.length > 1 ? 0.42 : 0.6), height * 0.46, room));
    const h = d + 2 * RING + label;
    centreStage(places, { x: 0, y: 0, width, height: h }, stage, d, label);
    pack(places, { x: 0, y: h, width, height: height - h }, others, 120);
  }
  const first = places.get(stage[0] ?? -1);
  return { places, screen: null, centre: first ? { x: first.x, y: first.y } : centre };
}

/** The partner's circle against the speaker's. */
const PARTNER = 0.62;

/** The width of the stage's circles, without the outer rings. */
const groupWidth = (stage: Seat[], d: number) => (stage.length > 1 ? d * (1 + PARTNER) + 2 * RING + GAP : d);

/** The speaker in the middle of `box`, their partner to the right and smaller. */
function centreStage(
  places: Map<Seat, Place>,
  box: Box,
  stage: Seat[],
  d: number,
  below: number = STAGE_LABEL,
): void {
  let left = box.x + (box.width - groupWidth(stage, d)) / 2;
  const y = box.y + (box.height - below) / 2;
  stage.forEach((seat, index) => {
    const size = index === 0 ? d : d * PARTNER;
    const x = left + size / 2;
    // As wide as fits around the middle of the circle.
    const label = 2 * Math.min(x - box.x, box.x + box.width - x);
    places.set(seat, { x, y, d: size, stage: true, label, role: true });
    left += size + 2 * RING + GAP;
  });
}

/** Two arcs around the stage: the left one bends around the speaker, the right one around the last. */
function arcs(places: Map<Seat, Place>, box: Box, stage: Seat[], others: Seat[]): void {
  const left = others.slice(0, Math.ceil(others.length / 2));
  const right = others.slice(left.length);
  const rows = Math.max(left.length, 1);
  const small = Math.max(44, Math.min(150, (box.height - GAP) / rows - LABEL - GAP, box.width * 0.13));
  // How far from the edge of a circle of the stage the centre of a tile with its label stays.
  const apart = RING + 1.6 * GAP + (small + LABEL) / 2;
  const pair = stage.length > 1;
  const across = box.width - 2 * (apart + small / 2 + 4) - (pair ? 2 * RING + GAP : 0);
  const d = Math.max(
    100,
    Math.min(box.height - STAGE_LABEL - 2 * RING, across / (pair ? 1 + PARTNER : 1), 540),
  );
  centreStage(places, box, stage, d);

  const middle = box.y + (box.height - LABEL) / 2;
  const pitch = Math.min(small + LABEL + 1.5 * GAP, (box.height - small - LABEL) / Math.max(rows - 1, 1));
  const bend = (side: -1 | 1, around: Place | undefined, list: Seat[]) => {
    if (!around) return;
    const top = ((list.length - 1) * pitch) / 2;
    const radius = Math.max(around.d / 2 + apart, top * 1.1);
    const edge = side < 0 ? around.x - box.x : box.x + box.width - around.x;
    list.forEach((seat, index) => {
      const dy = index * pitch - top;
      // The ends of an arc stay beside the name below the circle, never under it.
      const bent = Math.max(Math.sqrt(Math.max(radius * radius - dy * dy, 0)), 0.66 * (around.d / 2 + apart));
      const dx = Math.min(bent, edge - small / 2 - 4);
      places.set(seat, {
        x: around.x + side * dx,
        y: middle + dy,
        d: small,
        stage: false,
        label: arcLabel(small),
        role: true,
      });
    });
  };
  const first = places.get(stage[0] ?? -1);
  const last = places.get(stage[stage.length - 1] ?? -1);
  bend(-1, first, left);
  bend(1, last, right);
  if (!first || !last) return;

  // Where the height of a single row of faces is what keeps them small, an arc may be two deep.
  for (let larger = Math.min(150, box.width * 0.13); larger >= small + 4; larger -= 2) {
    const deep = [deepArc(box, -1, first, left, larger), deepArc(box, 1, last, right, larger)];
    if (!deep.every((arc) => arc !== null)) continue;
    for (const [seat, place] of deep.flat()) places.set(seat, place);
    return;
  }
}

/** The width of a label on an arc. */
const arcLabel = (d: number) => Math.max(d * 1.24, 92);

/** Half the width and the height, from the circle's edge down, of what is written under the speaker. */
const STAGE_WORDS = { half: 130, top: 20, bottom: 84 };

/**
 * At most four faces of diameter `d` beside the speaker: the first and the last as near as the ring and
 * the speaker's name allow, those between them further out. `null` when they do not fit.
 */
function deepArc(box: Box, side: -1 | 1, around: Place, list: Seat[], d: number): [Seat, Place][] | null {
  if (list.length > 4) return null;
  const label = arcLabel(d);
  const tall = d + LABEL;
  const half = label / 2;
  const edge = (side < 0 ? around.x - box.x : box.x + box.width - around.x) - half;
  const middle = box.y + (box.height - LABEL) / 2;
  const inner = Math.min((tall + GAP) / 2, Math.max((box.height - tall) / 2, 0));
  const reach = list.length === 4 ? Math.min((box.height - tall) / 2, 3 * inner) : (box.height - tall) / 2;
  const offsets = {
    0: [],
    1: [0],
    2: [-inner, inner],
    3: [-Math.min(reach, 2 * inner), 0, Math.min(reach, 2 * inner)],
    4: [-reach, -inner, inner, reach],
  }[list.length as 0 | 1 | 2 | 3 | 4];

  const ring = around.d / 2 + RING;
  const clearOfSpeaker = (dx: number, dy: number) => {
    if (Math.hypot(dx, dy) < ring + GAP / 2 + d / 2) return false;
    const top = dy + d / 2;
    const bottom = top + LABEL;
    const nearestY = Math.max(top, Math.min(0, bottom));
    if (Math.hypot(Math.max(dx - half, 0), nearestY) < ring) return false;
    const beside = dx - half >= STAGE_WORDS.half;
    return (
      beside || bottom < around.d / 2 + STAGE_WORDS.top || dy - d / 2 > around.d / 2 + STAGE_WORDS.bottom
    );
  };
  const taken: { dx: number; y: number }[] = [];
  const clearOfOthers = (dx: number, y: number) =>
    taken.every((other) => Math.abs(other.dx - dx) >= label || Math.abs(other.y - y) >= tall + GAP / 2);

  const ends = new Set([0, list.length - 1]);
  const groups = [
    offsets.filter((_, index) => ends.has(index)),
    offsets.filter((_, index) => !ends.has(index)),
  ];
  const reached = new Map<number, number>();
  // The ends first: they are the ones the speaker's circle holds in place. Each group keeps one distance,
  // so that the arc is the same above and below.
  let dx = half;
  for (const group of groups) {
    const clear = (offset: number) => {
      const y = middle + offset;
      return clearOfSpeaker(dx, y - around.y) && clearOfOthers(dx, y);
    };
    while (dx <= edge && !group.every(clear)) dx += 2;
    if (dx > edge && group.length > 0) return null;
    for (const offset of group) {
      taken.push({ dx, y: middle + offset });
      reached.set(offset, dx);
    }
    dx += 2 * GAP;
  }
  return list.map((seat, index) => {
    const offset = offsets[index] ?? 0;
    const x = around.x + side * (reached.get(offset) ?? half);
    return [seat, { x, y: middle + offset, d, stage: false, label, role: true }];
  });
}

/** The speaker above, the others below, in a side column or under a shared screen. */
function sideBySide(places: Map<Seat, Place>, box: Box, stage: Seat[], others: Seat[]): void {
  if (stage.length === 0) return pack(places, box, others, 120);
  if (box.width < box.height) {
    const d = Math.min(box.width * (stage.length > 1 ? 0.46 : 0.62), box.height * 0.3);
    const h = d + STAGE_LABEL + RING;
    centreStage(places, { ...box, height: h }, stage, d);
    pack(places, { ...box, y: box.y + h, height: box.height - h }, others, 96);
  } else {
    const d = Math.min(box.height - STAGE_LABEL - RING, box.width * 0.28);
    const w = (d + 2 * RING) * stage.length + GAP;
    centreStage(places, { ...box, width: w }, stage, Math.max(d, 64));
    pack(places, { ...box, x: box.x + w, width: box.width - w }, others, 96);
  }
}

/** The largest circles that fit in even rows, with `label` under each, its distance to the next row included. */
function densest(box: Box, count: number, label: number, largest: number): { d: number; columns: number } {
  let best = { d: 0, columns: 1 };
  // A column is wide enough for a first name under the circle.
  const widest = Math.max(1, Math.min(count, Math.floor(box.width / NAME)));
  for (let columns = 1; columns <= widest; columns++) {
    const rows = Math.ceil(count / columns);
    const d = Math.min(box.width / columns - GAP, box.height / rows - label, largest);
    if (d > best.d + 0.5) best = { d, columns };
  }
  return best;
}

/** Circles of one size in rows, as large as they fit, the last row centred. */
function pack(places: Map<Seat, Place>, box: Box, seats: Seat[], largest: number): void {
  if (seats.length === 0) return;
  const whole = densest(box, seats.length, LABEL + GAP, largest);
  const names = densest(box, seats.length, NAME_LABEL + GAP / 2, largest);
  const role = whole.d >= WITH_ROLE || names.d < whole.d + 2;
  const best = role ? whole : names;
  const below = role ? LABEL : NAME_LABEL;
  const d = Math.max(best.d, 36);
  const rows = Math.ceil(seats.length / best.columns);
  // Even rows look calmer than a full one and a rest.
  const columns = Math.ceil(seats.length / rows);
  const stepX = Math.min(box.width / columns, Math.max(d * 1.3, NAME + GAP));
  const stepY = Math.min(box.height / rows, d + below + 2.2 * GAP);
  const top = box.y + (box.height - stepY * rows) / 2;
  seats.forEach((seat, index) => {
    const row = Math.floor(index / columns);
    const inRow = Math.min(columns, seats.length - row * columns);
    const startX = box.x + (box.width - stepX * inRow) / 2;
    places.set(seat, {
      x: startX + stepX * ((index % columns) + 0.5),
      y: top + stepY * row + (stepY - below) / 2,
      d,
      stage: false,
      label: stepX - 4,
      role,
    });
  });
}

/** The camera layer worth receiving for a circle of this diameter. */
export function viewSize(place: Place | undefined, pixelRatio: number): ViewSize {
  if (!place) return 'hidden';
  if (place.stage) return 'large';
  const pixels = place.d * Math.min(pixelRatio, 2);
  if (pixels <= 220) return 'thumbnail';
  return pixels <= 460 ? 'medium' : 'large';
}
