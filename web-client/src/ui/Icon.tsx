/** Icons drawn on a 24-unit grid with one round stroke, so that they speak with one voice. */
const PATHS = {
  mic: 'M12 3.5a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0v-5a3 3 0 0 0-3-3ZM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3',
  micOff:
    'M9 9v2.5a3 3 0 0 0 4.6 2.5M15 10.5v-4a3 3 0 0 0-5.6-1.5M5.5 11.5a6.5 6.5 0 0 0 10.4 5.2M18.2 13.5a6.5 6.5 0 0 0 .3-2M12 18v3M4 4l16 16',
  camera:
    'M4.5 6.5h9a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2ZM15.5 11l6-3.5v9l-6-3.5',
  cameraOff:
    'M9.5 6.5h4a2 2 0 0 1 2 2v4M15.5 15.5a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-7a2 2 0 0 1 1.6-2M15.5 11l6-3.5v9l-3.5-2M4 4l16 16',
  screen:
    'M4 5h16a1.5 1.5 0 0 1 1.5 1.5v8A1.5 1.5 0 0 1 20 16H4a1.5 1.5 0 0 1-1.5-1.5v-8A1.5 1.5 0 0 1 4 5ZM9 20h6M12 13.5V8M9.5 10.2 12 7.8l2.5 2.4',
  hand: 'M8 13V6.2a1.4 1.4 0 0 1 2.8 0V11M10.8 10.5V4.9a1.4 1.4 0 0 1 2.8 0v5.6M13.6 10.7V6.2a1.4 1.4 0 0 1 2.8 0v7.3c0 4.2-2.2 7-5.8 7-2.6 0-4-1.2-5.2-3.4l-2-3.8c-.9-1.8 1.3-3 2.5-1.5L8 14',
  leave: 'M10 4H6a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h4M15 8l4 4-4 4M19 12H9.5',
  chat: 'M5 5h14a1.5 1.5 0 0 1 1.5 1.5v9A1.5 1.5 0 0 1 19 17h-7l-4.5 3.5V17H5a1.5 1.5 0 0 1-1.5-1.5v-9A1.5 1.5 0 0 1 5 5Z',
  settings:
    'M4 7h9M17 7h3M4 17h3M11 17h9M15 9a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM9 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z',
  next: 'M5 12h13M13 6.5l5.5 5.5-5.5 5.5',
  back: 'M19 12H6M11 6.5 5.5 12l5.5 5.5',
  pause: 'M9 6v12M15 6v12',
  play: 'M8 5.5v13l10.5-6.5Z',
  plus: 'M12 5.5v13M5.5 12h13',
  give: 'M9.5 3.5a2.8 2.8 0 0 0-2.8 2.8v5a2.8 2.8 0 0 0 5.6 0v-5a2.8 2.8 0 0 0-2.8-2.8ZM3.5 11.3a6 6 0 0 0 12 0M9.5 17.3v3.2M18.5 3.5v6M15.5 6.5h6',
  take: 'M9.5 3.5a2.8 2.8 0 0 0-2.8 2.8v5a2.8 2.8 0 0 0 5.6 0v-5a2.8 2.8 0 0 0-2.8-2.8ZM3.5 11.3a6 6 0 0 0 12 0M9.5 17.3v3.2M15.5 6.5h6',
  skip: 'M5 6.5v11l8-5.5ZM17.5 6v12',
  ear: 'M7 10.5a5 5 0 1 1 9.2 2.7c-1 1.6-2.4 2-2.4 4.2a2.8 2.8 0 0 1-5.2 1.4M10 10.5a2 2 0 0 1 4 0c0 1.4-1.4 1.6-1.4 3M4 4l16 16',
  copy: 'M9 8.5h9A1.5 1.5 0 0 1 19.5 10v9a1.5 1.5 0 0 1-1.5 1.5H9A1.5 1.5 0 0 1 7.5 19v-9A1.5 1.5 0 0 1 9 8.5ZM4.5 15.5v-10A1.5 1.5 0 0 1 6 4h9',
  check: 'M5 12.5 10 17.5 19.5 7',
  close: 'M6 6l12 12M18 6 6 18',
  done: 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM8.5 12.3l2.4 2.4 4.6-5',
  sound: 'M4.5 10v4h3l4 3.5v-11L7.5 10ZM15 9.5a3.5 3.5 0 0 1 0 5M17.5 7a7 7 0 0 1 0 10',
  away: 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 7.5V12l3 2',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The mark: people around a fire, seen from the tree. */
export function Mark() {
  const around = Array.from({ length: 8 }, (_, index) => {
    const angle = (index * Math.PI) / 4;
    return <circle key={index} cx={16 + 11 * Math.sin(angle)} cy={16 - 11 * Math.cos(angle)} r="2.6" />;
  });
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <g>{around}</g>
      <circle class="mark-fire" cx="16" cy="16" r="5" />
    </svg>
  );
}
