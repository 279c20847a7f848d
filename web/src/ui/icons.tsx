/** Line icons, drawn here: nothing is loaded, and the colour is the text's. */
import type { JSX } from 'preact';

const paths = {
  mic: 'M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3Z M5.5 11a6.5 6.5 0 0 0 13 0 M12 17.5V21',
  micOff:
    'M9 9V6a3 3 0 0 1 6 0v5 M9 11a3 3 0 0 0 4.6 2.5 M5.5 11a6.5 6.5 0 0 0 10 5.4 M18.5 11a6 6 0 0 1-.5 2.5 M12 17.5V21 M4 4l16 16',
  camera: 'M3.5 7.5a2 2 0 0 1 2-2h8a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-8a2 2 0 0 1-2-2Z M15.5 10.5l5-3v9l-5-3',
  cameraOff:
    'M7 5.5h6.5a2 2 0 0 1 2 2V14 M15.5 10.5l5-3v9l-2.5-1.5 M14.5 18.2a2 2 0 0 1-1 .3h-8a2 2 0 0 1-2-2v-9a2 2 0 0 1 .8-1.6 M4 4l16 16',
  phone:
    'M6.2 3.8 9 3.5l1.8 4.2-2 1.6a12 12 0 0 0 5.9 5.9l1.6-2 4.2 1.8-.3 2.8a2.5 2.5 0 0 1-2.7 2.2C10.5 19.2 4.8 13.5 4 6.5a2.5 2.5 0 0 1 2.2-2.7Z',
  phoneDown:
    'M3 14.6c0-1 .4-1.9 1.2-2.4a14.5 14.5 0 0 1 15.6 0c.8.5 1.2 1.4 1.2 2.4l-.3 1.6-4.5-.6-.4-2.4a12 12 0 0 0-7.6 0l-.4 2.4-4.5.6Z',
  people:
    'M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z M2.5 19.5a6.5 6.5 0 0 1 13 0 M15.5 4.8a3.5 3.5 0 0 1 0 6.4 M18 14.5a6.5 6.5 0 0 1 3.5 5',
  broadcast:
    'M12 13.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3Z M8 16a5.6 5.6 0 0 1 0-8 M16 8a5.6 5.6 0 0 1 0 8 M5 19a10 10 0 0 1 0-14 M19 5a10 10 0 0 1 0 14',
  plus: 'M12 5v14 M5 12h14',
  arrow: 'M5 12h14 M13 6l6 6-6 6',
  warn: 'M12 8.5v5 M12 16.8v.2 M10.6 4.3 2.9 17.7A1.6 1.6 0 0 0 4.3 20h15.4a1.6 1.6 0 0 0 1.4-2.3L13.4 4.3a1.6 1.6 0 0 0-2.8 0Z',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z M12 11v5.5 M12 7.6v.2',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  close: 'M6 6l12 12 M18 6 6 18',
  copy: 'M9 9.5a2 2 0 0 1 2-2h7a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-7a2 2 0 0 1-2-2Z M15 4.5H6a2 2 0 0 0-2 2v8',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z M12 3v1.5 M12 19.5V21 M3 12h1.5 M19.5 12H21 M5.6 5.6l1 1 M17.4 17.4l1 1 M5.6 18.4l1-1 M17.4 6.6l1-1',
  speaker: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5Z M15.5 9a4 4 0 0 1 0 6 M18 6.5a7.5 7.5 0 0 1 0 11',
  lock: 'M6 11.5a1.5 1.5 0 0 1 1.5-1.5h9a1.5 1.5 0 0 1 1.5 1.5v7a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 6 18.5Z M8.5 10V7.5a3.5 3.5 0 0 1 7 0V10',
  door: 'M13 4H6.5A1.5 1.5 0 0 0 5 5.5v13A1.5 1.5 0 0 0 6.5 20H13 M10 12h10 M16.5 8.5 20 12l-3.5 3.5',
  link: 'M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1 M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1',
  cloudOff: 'M8 18.5H7a4.5 4.5 0 0 1-1-8.9 6 6 0 0 1 .8-1.9 M10 5.2a6 6 0 0 1 7.9 4.5 4.5 4.5 0 0 1 2.1 7.6 M4 4l16 16',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }): JSX.Element {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.7"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={paths[name]} />
    </svg>
  );
}

/** The bell that calls the assembly. */
export function Logo({ size = 28 }: { size?: number }): JSX.Element {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path
        fill="var(--accent)"
        d="M16 3.5a2.3 2.3 0 0 0-2.3 2.3v.6C9.9 7.4 7.8 10.5 7.4 15c-.3 4-1.2 6-2.7 7.8-.7.9-.1 2.2 1 2.2h20.6c1.1 0 1.7-1.3 1-2.2-1.5-1.8-2.4-3.8-2.7-7.8-.4-4.5-2.5-7.6-6.3-8.6v-.6A2.3 2.3 0 0 0 16 3.5Z"
      />
      <path fill="var(--accent)" d="M12.6 26.6h6.8a3.4 3.4 0 0 1-6.8 0Z" />
    </svg>
  );
}
