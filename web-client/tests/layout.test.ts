import { describe, expect, test } from 'vitest';
import {
  layout,
  LABEL,
  NAME,
  NAME_LABEL,
  RING,
  viewSize,
  type Place,
  type Room,
} from '../src/state/layout.ts';

const SIZES = {
  'desktop, panel open': [1040, 700],
  'desktop, panel closed': [1390, 700],
  laptop: [1230, 560],
  'telephone upright': [374, 560],
  'telephone upright, a contract above': [374, 388],
  'small telephone, a contract above': [344, 330],
  'small telephone': [304, 430],
  'telephone on its side': [812, 260],
  tablet: [740, 840],
} as const;

const seats = (count: number) => Array.from({ length: count }, (_, seat) => seat);
const rooms: [string, Room][] = Object.entries(SIZES).flatMap(([name, [width, height]]) =>
  [1, 2, 5, 8, 9].flatMap((count) =>
    [[], [0], [1, 3]].flatMap((stage) =>
      stage.every((seat) => seat < count)
        ? [
            [
              `${name}, ${count} people, ${stage.length} on stage`,
              { width, height, seats: seats(count), stage, screen: false },
            ] as [string, Room],
          ]
        : [],
    ),
  ),
);

describe.each(rooms)('%s', (_name, room) => {
  const { places } = layout(room);
  const all = [...places.entries()];

  test('everyone has a place in sight', () => {
    expect(all.map(([seat]) => seat).sort((a, b) => a - b)).toEqual(room.seats);
    for (const [seat, { x, y, d }] of all) {
      expect(d, `seat ${seat}`).toBeGreaterThanOrEqual(30);
      expect(x - d / 2, `left of ${seat}`).toBeGreaterThanOrEqual(-1);
      expect(x + d / 2, `right of ${seat}`).toBeLessThanOrEqual(room.width + 1);
      expect(y - d / 2, `top of ${seat}`).toBeGreaterThanOrEqual(-1);
      expect(y + d / 2, `bottom of ${seat}`).toBeLessThanOrEqual(room.height + 1);
    }
  });

  test('no face covers another', () => {
    const gap = (a: Place, b: Place) => Math.hypot(a.x - b.x, a.y - b.y) - (a.d + b.d) / 2;
    all.forEach(([seat, place], index) => {
      for (const [other, otherPlace] of all.slice(index + 1)) {
        expect(gap(place, otherPlace), `${seat} and ${other}`).toBeGreaterThan(0);
      }
    });
  });

  test('the speaker is the largest', () => {
    const [speaker] = room.stage;
    if (speaker === undefined) return;
    const largest = Math.max(...all.map(([, { d }]) => d));
    expect(places.get(speaker)?.d).toBe(largest);
  });
});

describe.each(Object.entries(SIZES))('%s, people set aside', (_name, [width, height]) => {
  const aside = [[3, 4], [5, 6, 7], [0]];
  const arranged = layout({ width, height, seats: seats(8), stage: [], screen: false, aside });
  const apart = new Set(aside.flat());

  test('everyone has a place in sight, and nobody covers anybody', () => {
    expect([...arranged.places.keys()].sort()).toEqual(seats(8));
    const all = [...arranged.places.values()];
    all.forEach((place, index) => {
      expect(place.x - place.d / 2).toBeGreaterThanOrEqual(-1);
      expect(place.x + place.d / 2).toBeLessThanOrEqual(width + 1);
      expect(place.y + place.d / 2).toBeLessThanOrEqual(height + 1);
      for (const other of all.slice(index + 1)) {
        expect(Math.hypot(place.x - other.x, place.y - other.y)).toBeGreaterThan((place.d + other.d) / 2);
      }
    });
  });

  test('they are below and no larger than one’s own group', () => {
    const own = [...arranged.places].filter(([seat]) => !apart.has(seat)).map(([, place]) => place);
    for (const seat of apart) {
      const place = arranged.places.get(seat)!;
      expect(place.y).toBeGreaterThan(Math.max(...own.map(({ y }) => y)));
      expect(place.d).toBeLessThanOrEqual(Math.max(...own.map(({ d }) => d)));
    }
  });
});

test('names of the arcs stay clear of the speaker’s ring on a desktop', () => {
  const { places } = layout({ width: 1040, height: 700, seats: seats(8), stage: [0], screen: false });
  const speaker = places.get(0)!;
  for (const [seat, place] of places) {
    if (seat === 0) continue;
    const nearest = Math.hypot(place.x - speaker.x, place.y + place.d / 2 + LABEL / 2 - speaker.y);
    expect(nearest, `name of ${seat}`).toBeGreaterThan(speaker.d / 2 + 16 + 30);
  }
});

describe.each([
  ['an upright telephone', 374, 388],
  ['a small one', 344, 330],
])('under a contract on %s', (_name, width, height) => {
  const { places } = layout({ width, height, seats: seats(8), stage: [1], screen: false });
  const small = [...places.values()].filter(({ stage }) => !stage);
  const below = (place: Place) => (place.role ? LABEL : NAME_LABEL);

  test('a label has the width of a name and touches no other', () => {
    for (const place of small) {
      expect(place.label).toBeGreaterThanOrEqual(NAME - 4);
      expect(place.x - place.label / 2).toBeGreaterThanOrEqual(0);
      expect(place.x + place.label / 2).toBeLessThanOrEqual(width);
      expect(place.y + place.d / 2 + below(place)).toBeLessThanOrEqual(height + 1);
      for (const other of small) {
        if (other === place) continue;
        const beside = Math.abs(other.x - place.x) >= (other.label + place.label) / 2;
        const under = Math.abs(other.y - place.y) >= place.d + below(place);
        expect(beside || under).toBe(true);
      }
    }
  });

  test('the role gives way before the face does', () => {
    expect(small.every(({ role }) => !role)).toBe(true);
    const roomy = layout({ width, height: 620, seats: seats(8), stage: [1], screen: false });
    expect([...roomy.places.values()].every(({ role }) => role)).toBe(true);
  });
});

test('faces of a telephone use the height there is', () => {
  const { places } = layout({ width: 374, height: 388, seats: seats(8), stage: [1], screen: false });
  expect(places.get(0)?.d).toBeGreaterThanOrEqual(56);
});

describe.each([
  [832, 505],
  [884, 513],
  [884, 560],
  [1044, 600],
])('listeners of a low room with the panel open, %i by %i', (width, height) => {
  const { places } = layout({ width, height, seats: seats(8), stage: [0], screen: false });
  const speaker = places.get(0)!;
  const others = [...places.values()].filter(({ stage }) => !stage);

  test('are larger than one row of them would let them be', () => {
    const inOneRow = (height - 14) / 4 - LABEL - 14;
    expect(others[0]!.d).toBeGreaterThan(inOneRow + 10);
  });

  test('with their names stay in sight, off the ring and off each other', () => {
    for (const place of others) {
      const top = place.y + place.d / 2;
      expect(Math.abs(place.x - width / 2) + place.label / 2).toBeLessThanOrEqual(width / 2);
      expect(place.y - place.d / 2).toBeGreaterThanOrEqual(-1);
      expect(top + LABEL).toBeLessThanOrEqual(height + 1);
      const nearX = Math.max(Math.abs(place.x - speaker.x) - place.label / 2, 0);
      const nearY = Math.max(top - speaker.y, Math.min(0, top + LABEL - speaker.y));
      expect(Math.hypot(nearX, nearY)).toBeGreaterThanOrEqual(speaker.d / 2 + RING - 1);
      for (const other of others) {
        if (other === place) continue;
        const beside = Math.abs(other.x - place.x) >= (other.label + place.label) / 2;
        const under = Math.abs(other.y - place.y) >= place.d + LABEL;
        expect(beside || under).toBe(true);
      }
    }
  });
});

test('a shared screen takes the room and leaves everyone a place', () => {
  for (const [width, height] of Object.values(SIZES)) {
    const arranged = layout({ width, height, seats: seats(8), stage: [1], screen: true });
    expect(arranged.places.size).toBe(8);
    expect(arranged.screen?.width ?? 0).toBeGreaterThan(width * 0.4);
  }
});

test.each<[Partial<Place> | undefined, number, string]>([
  [undefined, 1, 'hidden'],
  [{ d: 500, stage: true }, 1, 'large'],
  [{ d: 80, stage: true }, 1, 'large'],
  [{ d: 110, stage: false }, 2, 'thumbnail'],
  [{ d: 140, stage: false }, 2, 'medium'],
  [{ d: 260, stage: false }, 1, 'medium'],
  [{ d: 260, stage: false }, 2, 'large'],
])('%o at %i is %s', (place, ratio, size) => {
  expect(viewSize(place && { x: 0, y: 0, d: 0, stage: false, label: 0, role: true, ...place }, ratio)).toBe(
    size,
  );
});
